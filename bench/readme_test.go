package bench_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// step is a command of the README's transcript and what it prints.
type step struct{ command, output string }

// transcript returns the commands in the README's console blocks.
func transcript(t *testing.T) (steps []step) {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	must(t, err)
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		for _, part := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, output, _ := strings.Cut(part, "\n")
			steps = append(steps, step{command, strings.TrimRight(output, "\n")})
		}
	}
	return steps
}

// differs is what is not the same in two sessions.
var differs = []struct {
	pattern *regexp.Regexp
	shown   string
}{
	{regexp.MustCompile(`suodi_[0-9a-z]{32}`), "TOKEN"},
	{regexp.MustCompile(`Date: [^\n]*`), "Date: NOW"},
	{regexp.MustCompile(`(feed|Raft|edge admin http://)( ?)127\.0\.0\.1:\d+`), "$1${2}ADDRESS"},
	{regexp.MustCompile(`SUODI_ADDR=\S+ `), ""}, // said when the address is not the usual one
	{regexp.MustCompile(`in \d+\.\d s`), "in SOME s"},
}

func alike(s string) string {
	for _, d := range differs {
		s = d.pattern.ReplaceAllString(s, d.shown)
	}
	return strings.TrimRight(strings.ReplaceAll(s, "\r", ""), "\n")
}

// syncBuffer collects what a running process writes.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestReadmeTranscript runs the first session of the README as a newcomer
// does, in an empty folder, and compares what is printed. Only the ports are
// others, because a developer's own session may be running.
func TestReadmeTranscript(t *testing.T) {
	t.Parallel()
	steps := transcript(t)
	if len(steps) < 5 || steps[0].command != "make run" {
		t.Fatalf("README has no session that begins with make run: %q", steps)
	}
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "bin"), 0o700))
	for _, name := range []string{"suodi", "suodi-edge", "suodi-bench"} {
		must(t, os.Link(program(t, name), filepath.Join(dir, "bin", name)))
	}
	api, edge := freeAddress(t), freeAddress(t)
	// to turns what the README says into what this session must see, from is
	// the inverse.
	to := strings.NewReplacer("127.0.0.1:7070", api, "127.0.0.1:8080", edge)
	from := strings.NewReplacer(api, "127.0.0.1:7070", edge, "127.0.0.1:8080")

	dev := exec.Command("bin/suodi", "dev", "--api", api, "--edge", edge)
	greeting := &syncBuffer{}
	dev.Dir, dev.Stdout, dev.Stderr = dir, greeting, greeting
	tie(dev)
	must(t, dev.Start())
	t.Cleanup(func() {
		must(t, dev.Process.Signal(os.Interrupt))
		if err := dev.Wait(); err != nil {
			t.Errorf("suodi dev: %v\n%s", err, greeting)
		}
	})
	eventually(t, "suodi dev has said all", func() bool { return strings.Contains(greeting.String(), "Ctrl-C") })
	if got, want := alike(from.Replace(greeting.String())), alike(steps[0].output); got != want {
		t.Errorf("make run prints\n%s\nand README says\n%s", got, want)
	}

	for _, s := range steps[1:] {
		cmd := exec.Command("bash", "-c", to.Replace(s.command))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "SUODI_ADDR=http://"+api, "SUODI_TOKEN=")
		out, err := cmd.CombinedOutput()
		if _, failed := err.(*exec.ExitError); err != nil && !failed {
			t.Fatal(err)
		}
		if got, want := alike(from.Replace(string(out))), alike(s.output); got != want {
			t.Errorf("$ %s\nprints\n%s\nand README says\n%s", s.command, got, want)
		}
	}
}
