// Package useragent names the browser and the operating system of a user
// agent, with versions, exactly as uap-go does with uap-core's rules, some
// hundreds of times as fast. It must not know what the answers are for.
//
// The rules are an ordered list of regular expressions; the first that matches
// and names a family answers. They come from the YAML that uap-go carries, so
// a new version of uap-go is all that it takes to have new rules. Here they
// are made ready in two ways when a parser is made, which takes some 30 ms:
//
//   - From its syntax tree, each expression gets a list of needs (required.go).
//     One automaton finds all the texts that needs ask for in one pass over the
//     agent, and an expression whose needs are not met is not tried.
//   - Each expression becomes a program (program.go) for a backtracking machine
//     (machine.go) that knows what these expressions are like: literal text,
//     repeated single characters, alternatives.
//
// What follows is why the answers are the same.
//
// # The needs
//
// A need is a list of texts of which every match holds at least one. So an
// expression with an unmet need cannot match, and leaving it out changes
// nothing. That holds for each step of the construction:
//
//   - Literal text holds itself; a small class, or a letter in either case,
//     holds one of its characters. If one is not printable ASCII, nothing is
//     said: that settles the letters k and s, which without regard to case are
//     also U+212A and U+017F, and U+FFFD, which matches bytes that are no
//     UTF-8.
//   - Neighbours that can both be listed hold one of the joined texts. Otherwise
//     all needs of the parts are needs of the whole.
//   - Of alternatives one has matched, so one need of each, taken together, is
//     a need.
//   - What may be absent has no needs. What repeats at least once has those of
//     one round.
//   - A text that contains another of its need may go, since where it occurs
//     the other does. A text may be cut short, since where it occurs its
//     beginning does. A whole need may go.
//
// Texts are compared byte for byte. As they are ASCII, they never begin or end
// within another character.
//
// # The symbols
//
// A machine reads one symbol for each character. All characters outside ASCII
// and all bytes that belong to no character are the same symbol. An expression
// cannot tell them apart unless it names some of them, as é or [^é] does, and
// such an expression does not become a program. Counting goes by characters
// there as here, and words (\b) are ASCII in either. What a group took is cut
// from the agent itself.
//
// # The machine
//
// Package regexp promises the leftmost match, and of those the one that a
// backtracking search finds first. The machine is that search: it tries
// positions from the left, alternatives in their order, longer repetitions
// before shorter ones (or after, where the expression says so), and stops at
// the first success. Four things make it quick, none of which passes over a
// success:
//
//   - An instruction is not tried at a symbol with which nothing that it leads
//     to can begin.
//   - If all matches begin with the same text, only its occurrences are tried;
//     if they begin where the agent does, only that.
//   - What follows a repetition depends on where it ended, not on how long it
//     was or where the match began. So if that failed at a position once, it
//     will fail there again. (Repetitions are of single characters, so none is
//     inside another; and groups make no difference, as they are noted when a
//     match has succeeded.)
//   - How far a run of characters goes does not depend on where in it one asks.
//
// The third bounds the work: a repetition tries what follows it at most once at
// each position. So what an agent says cannot make it take much longer than
// its length does, and long agents need no other treatment.
//
// # What is left to regexp
//
// Expressions that repeat more than a single character, that name characters
// outside ASCII or have other rarities (multi-line mode, named groups in
// replacements) are handed to package regexp, behind the same needs. Rules
// of today have none of those.
//
// # The order of rules
//
// As in uap-go, rules are tried in their order, and a rule that matches but names no family is passed
// over, and leaves its version behind if no other rule matches.
//
// Tests compare all this with uap-go over real, mutated and generated agents,
// and every rule alone with its regular expression. For more of it:
//
//	go test -run 'Test.*Agents|RulesAlone' -mutated 20000 -generated 250000 -perrule 1000 -timeout 1h
//	go test -run '^$' -fuzz FuzzParse
package useragent
