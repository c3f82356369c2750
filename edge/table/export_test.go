package table

// WithStep returns the configuration with a function that is called before
// each write to disk, whose error becomes the write's.
func WithStep(config Config, step func(name string) error) Config {
	config.step = step
	return config
}

// Hash returns the hash of a key under a seed of 1, 2, 3 and 4.
func Hash(key []byte) uint64 { return (&seed{1, 2, 3, 4}).hash(key) }

// HeaderSize is where entries begin in a base.
const HeaderSize = headerSize

// Memory returns the index and the entries of the base in force, for who
// measures how long it takes to read them.
func (t *Table) Memory() (index, entries []byte) {
	b := t.state.Load().base
	return b.index, b.data
}

// SlotOffset is where the entry of an index's slot is.
func SlotOffset(slot uint64) uint64 { return slotOffset(slot) }

// SetSeed gives a new table the seed 1, 2, 3 and 4.
func (t *Table) SetSeed() { t.contents.state.seed = &seed{1, 2, 3, 4} }

// FoldNow makes a fold due, however few changes there are.
func (t *Table) FoldNow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.freeze(); err != nil {
		panic(err)
	}
	t.keeper.notify()
}
