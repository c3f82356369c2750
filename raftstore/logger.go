package raftstore

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
)

// raftLogger hands what the Raft library logs to slog. The library is chatty:
// its info becomes debug.
type raftLogger struct {
	to   *slog.Logger
	name string
	args []any
	// quiet makes warnings debug, for elections that are expected. Shared by
	// all loggers derived from one.
	quiet *atomic.Bool
}

func newRaftLogger(to *slog.Logger) *raftLogger {
	return &raftLogger{to: to.With("component", "raft"), quiet: new(atomic.Bool)}
}

func (l *raftLogger) level(level hclog.Level) slog.Level {
	switch {
	case level >= hclog.Error:
		return slog.LevelError
	case level == hclog.Warn && !l.quiet.Load():
		return slog.LevelWarn
	default:
		return slog.LevelDebug
	}
}

func (l *raftLogger) Log(level hclog.Level, msg string, args ...any) {
	ctx, to := context.Background(), l.level(level)
	if !l.to.Enabled(ctx, to) {
		return
	}
	for i, a := range args {
		switch a := a.(type) {
		case hclog.Format: // a format string and its arguments
			if len(a) > 0 {
				args[i] = fmt.Sprintf(fmt.Sprint(a[0]), a[1:]...)
			}
		case fmt.Stringer:
			args[i] = a.String()
		}
	}
	l.to.Log(ctx, to, msg, args...) //nolint:sloglint // the message is the library's
}

func (l *raftLogger) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l *raftLogger) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l *raftLogger) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *raftLogger) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *raftLogger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *raftLogger) enabled(level hclog.Level) bool {
	return l.to.Enabled(context.Background(), l.level(level))
}

func (l *raftLogger) IsTrace() bool { return l.enabled(hclog.Trace) }
func (l *raftLogger) IsDebug() bool { return l.enabled(hclog.Debug) }
func (l *raftLogger) IsInfo() bool  { return l.enabled(hclog.Info) }
func (l *raftLogger) IsWarn() bool  { return l.enabled(hclog.Warn) }
func (l *raftLogger) IsError() bool { return l.enabled(hclog.Error) }

func (l *raftLogger) ImpliedArgs() []any { return l.args }
func (l *raftLogger) Name() string       { return l.name }

func (l *raftLogger) With(args ...any) hclog.Logger {
	return &raftLogger{to: l.to.With(args...), name: l.name, args: append(l.args[:len(l.args):len(l.args)], args...), quiet: l.quiet}
}

func (l *raftLogger) Named(name string) hclog.Logger { return l.ResetNamed(name) }

func (l *raftLogger) ResetNamed(name string) hclog.Logger {
	return &raftLogger{to: l.to, name: name, args: l.args, quiet: l.quiet}
}

func (l *raftLogger) SetLevel(hclog.Level)  {}
func (l *raftLogger) GetLevel() hclog.Level { return hclog.NoLevel }
func (l *raftLogger) Write(b []byte) (int, error) {
	l.Debug(strings.TrimSpace(string(b)))
	return len(b), nil
}

func (l *raftLogger) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l, "", 0)
}

func (l *raftLogger) StandardWriter(*hclog.StandardLoggerOptions) io.Writer { return l }

// pebbleLogger hands what Pebble logs to slog.
type pebbleLogger struct {
	to *slog.Logger
}

func (l pebbleLogger) Infof(format string, args ...any) {
	if l.to.Enabled(context.Background(), slog.LevelDebug) {
		l.to.Debug("pebble", "message", fmt.Sprintf(format, args...))
	}
}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.to.Error("pebble", "message", fmt.Sprintf(format, args...))
}

// Fatalf ends the process: Pebble calls it where it cannot go on and does not
// expect it to return. Nothing is lost by dying, the Raft log has every entry.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	l.to.Error("pebble cannot go on", "message", message)
	panic("raftstore: pebble cannot go on: " + message)
}

// background is told of failed flushes and compactions, which Pebble retries.
func (l pebbleLogger) background(err error) {
	l.to.Error("pebble background work failed", "error", err)
}
