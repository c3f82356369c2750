package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"suodi/raftstore"
)

// port is an address that something of ours is going to listen on.
type port struct {
	flag    string // that chooses it
	name    string // of what listens, for people
	address string // host:port; port 0: any that is free
}

// reserve checks that every port is free and gives those with number 0 one.
// Nothing keeps others from taking a port between this and its use; that is
// told when it happens.
func reserve(ports []*port) error {
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close() // nothing was done with it
		}
	}()
	for _, p := range ports {
		l, err := net.Listen("tcp", p.address)
		if err != nil {
			return p.explain(err)
		}
		held = append(held, l)
		host, _, err := net.SplitHostPort(p.address)
		if err != nil {
			return p.explain(err)
		}
		_, number, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return p.explain(err)
		}
		p.address = net.JoinHostPort(host, number)
	}
	return nil
}

func (p *port) explain(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s, the address of %s, is taken by another program; stop that, or choose another with %s, port 0 for any that is free", p.address, p.name, p.flag)
	}
	return fmt.Errorf("cannot listen on %s, the address of %s: %w; choose another with %s", p.address, p.name, err, p.flag)
}

// explainOpen adds the way out to why a node does not start.
func explainOpen(err error, data string, ports []*port) error {
	if errors.Is(err, raftstore.ErrLocked) {
		return fmt.Errorf("another control plane is running on the folder %s; stop it, or choose another with --data", data)
	}
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "listen" || op.Addr == nil {
		return err
	}
	for _, p := range ports {
		if p.address == op.Addr.String() {
			return p.explain(op.Err)
		}
	}
	return err
}

// reachable is the address under which this machine reaches what listens on an
// address: a host that means every interface becomes the loopback one.
func reachable(address string) string {
	host, number, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, number)
}
