//go:build !unix

package edge

func maxConnections() int { return 0 }
