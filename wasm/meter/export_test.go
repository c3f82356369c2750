package meter

// Rewrite meters a module that need not be a filter: any imports and exports,
// limits as large as they go, initial fuel only.
func Rewrite(bytes []byte, fuel int64) ([]byte, error) {
	const most = 1 << 32
	m, err := decode(bytes, Limits{
		TableElements: most, Elements: most, Locals: 1 << 16, Work: most, LoopNesting: most, Results: 1024, Params: 1024, Name: most,
	}.withDefaults())
	if err != nil {
		return nil, err
	}
	plans, err := m.validate()
	if err != nil {
		return nil, err
	}
	return m.rewrite(plans, scheme{initial: fuel, fuel: fuel}), nil
}

// CheckLimits decodes and validates a module that need not be a filter, within
// the default limits.
func CheckLimits(bytes []byte) error {
	m, err := decode(bytes, Limits{}.withDefaults())
	if err == nil {
		_, err = m.validate()
	}
	return err
}
