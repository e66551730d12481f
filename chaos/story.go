package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// remembered is how much of the story is kept in memory, to be told after a violation.
const remembered = 2000

// A story is what happened, in the order in which it was noticed.
type story struct {
	began time.Time
	aloud bool

	mu    sync.Mutex
	file  *os.File
	lines []string
}

func newStory(path string, aloud bool) (*story, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &story{began: time.Now(), aloud: aloud, file: file}, nil
}

// tell adds a line: who, and what.
func (s *story) tell(who, format string, args ...any) {
	now := time.Now()
	line := fmt.Sprintf("%7.2f %s %-12s %s", now.Sub(s.began).Seconds(), now.UTC().Format("15:04:05.000"), who, fmt.Sprintf(format, args...))
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprintln(s.file, line)
	s.lines = append(s.lines, line)
	if len(s.lines) > remembered {
		s.lines = s.lines[len(s.lines)-remembered/2:]
	}
	if s.aloud {
		fmt.Println(line)
	}
}

// about writes the last lines that tell of a flag, or of what was done to parts.
func (s *story) about(to io.Writer, flag string, parts []*part, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var told []string
	for _, line := range slices.Backward(s.lines) {
		is := func(p *part) bool { return strings.Contains(line, " "+p.name+" ") }
		if len(told) < n && (strings.Contains(line, flag+" ") || slices.ContainsFunc(parts, is)) {
			told = append(told, line)
		}
	}
	for _, line := range slices.Backward(told) {
		_, _ = fmt.Fprintln(to, line)
	}
}

func (s *story) close() { _ = s.file.Close() }
