package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"suodi/edge"
)

// errUsage says that the command line or the configuration is at fault.
var errUsage = errors.New("see suodi-edge --help")

func exitCode(err error) int {
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

// run serves until ctx ends or the edge cannot go on.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	settings, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if settings.version {
		_, err := fmt.Fprintln(stdout, "suodi-edge", version())
		return err
	}
	logger, err := settings.logger(stderr)
	if err != nil {
		return err
	}
	config, err := settings.config(logger)
	if err != nil {
		return err
	}
	server, err := edge.Open(config)
	if err != nil {
		return err
	}
	// The line that tells whoever started the edge where it is.
	where := fmt.Sprintf("edge=%s admin=%s", server.Address(), server.AdminAddress())
	if server.TLSAddress() != "" {
		where += " tls=" + server.TLSAddress()
	}
	if _, err := fmt.Fprintln(stdout, "suodi-edge: listening", where); err != nil {
		return errors.Join(err, server.Close())
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-hangup:
			if err := server.Reload(); err != nil {
				logger.Error("not everything could be reloaded", "error", err)
			}
		case <-server.Handed():
			return server.Close()
		case <-ctx.Done():
			logger.Info("draining")
			return server.Close()
		case err := <-server.Failed():
			return errors.Join(err, server.Close())
		}
	}
}

// version is the module's version, or the revision it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && info.Main.Version == "(devel)" {
			return s.Value[:12]
		}
	}
	return info.Main.Version
}

// logger writes to stderr as the settings say.
func (s *settings) logger(stderr io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return nil, fmt.Errorf("log-level %q: want debug, info, warn or error; %w", s.LogLevel, errUsage)
	}
	options := &slog.HandlerOptions{Level: level}
	switch s.LogFormat {
	case "text":
		return slog.New(slog.NewTextHandler(stderr, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(stderr, options)), nil
	}
	return nil, fmt.Errorf("log-format %q: want text or json; %w", s.LogFormat, errUsage)
}
