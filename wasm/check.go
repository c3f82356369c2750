package wasm

import "context"

// Check reports why a module could not be put in force, as an error that wraps
// ErrRefused; nil if it could. It changes nothing.
func (h *Host) Check(ctx context.Context, module []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	f, err := h.load(ctx, source{module: module})
	if err != nil {
		return err
	}
	f.close(ctx)
	return nil
}
