package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// abortTimeout is how long the program may take to end at once.
const abortTimeout = 2 * time.Second

// main ends on the first signal in good order, on the second at once.
func main() {
	ctx, stop := context.WithCancel(context.Background())
	abort := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals
		close(abort)
		time.Sleep(abortTimeout)
		os.Exit(exitFailed)
	}()
	os.Exit(run(ctx, invocation{
		args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, abort: abort,
	}))
}
