package feed

import (
	"fmt"
	"net"
	"net/netip"
)

// CheckLoopback refuses an address, "host:port", that others than this machine
// reach: until connections are encrypted and authenticated, nothing may leave
// it. Control nodes and edges both hold to it.
func CheckLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q: want host:port", address)
	}
	if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%q is not a loopback address: without TLS only 127.0.0.1, [::1] and localhost are allowed", address)
}
