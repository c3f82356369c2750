package report

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is where something was measured.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory uint64 `json:"memory,omitempty"` // bytes
	OS     string `json:"os"`
	Kernel string `json:"kernel,omitempty"`
	Go     string `json:"go"`
}

// ThisMachine describes the machine that the program runs on, as far as it can
// be found out.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	m.CPU = field("/proc/cpuinfo", "model name")
	if kilobytes, _, found := strings.Cut(field("/proc/meminfo", "MemTotal"), " "); found {
		n, _ := strconv.ParseUint(kilobytes, 10, 64) // 0 is left out
		m.Memory = n << 10
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease") // elsewhere there is none
	m.Kernel = strings.TrimSpace(string(release))
	return m
}

// field returns what a file of lines "name : value" says of a name.
func field(file, name string) string {
	data, _ := os.ReadFile(file) // a file that is not there says nothing
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
