package readers_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"testing"
	"time"

	"github.com/rampart-dev/rampart/chaos/readers"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/child"
)

// readerVariable makes this program a reader, with the options that it holds.
const readerVariable = "RAMPART_CHAOS_READER"

func TestMain(m *testing.M) {
	flagstore.SilenceDriver()
	if options := os.Getenv(readerVariable); options != "" {
		os.Exit(beReader(options))
	}
	os.Exit(m.Run())
}

const (
	glance = 5 * time.Millisecond // between two looks at a reader
	word   = 20                   // looks until it says everything again
)

// An utterance is one line that a reader says.
type utterance struct {
	Sight  *readers.Sight `json:"sight,omitempty"`
	Status *status        `json:"status,omitempty"`
}

// beReader says what it answers, until it is killed.
func beReader(options string) int {
	var o readerOptions
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return 2
	}
	s, err := newServed(o)
	if err != nil {
		return 1
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	out := json.NewEncoder(os.Stdout)
	tick := time.NewTicker(glance)
	for n := 0; ; n++ {
		s.look(n%word == 0, func(sight readers.Sight) { _ = out.Encode(utterance{Sight: &sight}) })
		if n%word == 0 {
			now := s.status()
			_ = out.Encode(utterance{Status: &now})
		}
		select {
		case <-tick.C:
		case <-interrupted:
			return 0
		}
	}
}

// A process is a reader of which nothing is known but what it says.
type process struct {
	reader *reader
	cmd    *exec.Cmd
	heard  sync.WaitGroup
}

func (p *process) start() {
	options, err := json.Marshal(p.reader.options())
	var self string
	if err == nil {
		self, err = os.Executable()
	}
	p.cmd = exec.Command(self)
	p.cmd.Env = append(os.Environ(), readerVariable+"="+string(options))
	p.cmd.Stderr, p.cmd.SysProcAttr = os.Stderr, child.DieWithParent()
	out, late := p.cmd.StdoutPipe()
	if err = errors.Join(err, late); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		p.reader.w.t.Errorf("%s does not start: %v", p.reader.name, err)
		p.cmd = nil
		return
	}
	p.heard.Go(func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.hear(lines.Bytes())
		}
	})
}

func (p *process) hear(line []byte) {
	r := p.reader
	var u utterance
	if json.Unmarshal(line, &u) != nil {
		return // it was killed in mid-sentence
	}
	if u.Sight != nil {
		r.w.witness.Saw(r.name, *u.Sight)
	}
	if u.Status != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.heard(*u.Status)
	}
}

// kill ends the process at once, and waits until all that it said is heard.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	p.heard.Wait()
	_ = p.cmd.Wait()
	p.cmd = nil
}
