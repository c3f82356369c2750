// Command suodi-edge is the redirect node: it follows a control plane's feed
// and answers visits.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // domains have time zones, and small systems have no list of them
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "suodi-edge: %v\n", err)
		os.Exit(exitCode(err))
	}
}
