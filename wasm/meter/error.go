package meter

import "fmt"

// Error says why a module is not admitted, and where.
type Error struct {
	// Offset is the place in the module's bytes, the first byte being 0; for a
	// missing thing it is the end of what was looked through.
	Offset int
	// Section is the section's name as in the specification's binary format,
	// "module" for what concerns the whole.
	Section string
	// Function is the index of the function whose body is at fault, -1 for
	// none; imported functions count.
	Function int
	// Message is one line for a person.
	Message string
}

// Error returns the whole line: section, function and place, then the message.
func (e *Error) Error() string {
	if e.Function >= 0 {
		return fmt.Sprintf("%s section: function %d at offset %#x: %s", e.Section, e.Function, e.Offset, e.Message)
	}
	if e.Section == sectionModule {
		return e.Message
	}
	return fmt.Sprintf("%s section at offset %#x: %s", e.Section, e.Offset, e.Message)
}

// refuse returns an error about the module as a whole.
func refuse(offset int, format string, args ...any) *Error {
	return refuseIn(sectionModule, offset, format, args...)
}

func refuseIn(section string, offset int, format string, args ...any) *Error {
	return &Error{Offset: offset, Section: section, Function: -1, Message: fmt.Sprintf(format, args...)}
}
