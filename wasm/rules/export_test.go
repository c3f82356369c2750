package rules

// What the differential test needs of the inside: the environment, to let
// cel-go evaluate in it, and the list of facts.
var (
	NewEnvironment = newEnvironment
	FactNames      = factNames
)
