package meter

// foldUnits is the largest cost of a region that is folded into its dominator,
// and foldedUnits how much one region takes in so: folding saves checks, but a
// visit then pays for code it may not run, and a switch of a hundred small
// cases would pay for all of them. Measured over 20 workloads the two make the
// metered time 1.13 of the unmetered; with 32 and 256 it was 1.16.
const (
	foldUnits   = 48
	foldedUnits = 768
)

// region is a part of a function that runs at most once each time its parent,
// which dominates it, has run; or, for a loop, each time its header is entered.
// Regions are numbered so that a parent comes before its children.
type region struct {
	parent int32
	loop   bool
	cost   int64
	folded int64 // how much of the cost came from children
}

// cut is a place in a function's code where something is inserted: a charge of
// a fixed cost or, when operation is not 0, a charge by the operand on top.
type cut struct {
	at        int
	region    int32
	cost      int64
	operation byte // opMemoryGrow or what follows opPrefix
}

// plan is what the rewriter does to one function.
type plan struct {
	code      int // offset of the first instruction
	end       int // offset behind the last
	cuts      []cut
	scratch   int // the local for charges by operand, one more than there are
	scratched bool
}

// fold charges small regions with their dominators, children first, and returns
// the cuts that are left to be made.
func fold(regions []region, cuts []cut) []cut {
	for i := len(regions) - 1; i > 0; i-- {
		r := &regions[i]
		p := &regions[r.parent]
		if r.loop || r.cost > foldUnits || p.folded+r.cost > foldedUnits {
			continue
		}
		p.cost += r.cost
		p.folded += r.cost
		r.cost = 0
	}
	kept := make([]cut, 0, len(cuts))
	for _, c := range cuts {
		if c.operation == 0 {
			c.cost = regions[c.region].cost
			if c.cost == 0 {
				continue
			}
		}
		kept = append(kept, c)
	}
	return kept
}

// begin opens a region that the following instruction belongs to.
func (f *function) begin(parent int32, loop bool) {
	f.region = int32(len(f.regions))
	f.regions = append(f.regions, region{parent: parent, loop: loop})
	f.cuts = append(f.cuts, cut{at: f.r.pos, region: f.region})
}

// spend adds to what the region at hand costs; code that is never reached costs
// nothing.
func (f *function) spend(cost int64) {
	if !f.dead {
		f.regions[f.region].cost += cost
	}
}

// measure has the operation at an offset charged by the operand on top.
func (f *function) measure(at int, operation byte) {
	if !f.dead {
		f.cuts = append(f.cuts, cut{at: at, operation: operation})
		f.scratched = true
		f.branches += 5 // what the compiler makes of one
	}
}
