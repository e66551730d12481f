package client

import (
	"fmt"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// registers are all that is known of one flag. Each is joined by its own version:
// the highest ever seen stays, whatever comes after. So duplicates, reordering,
// lost messages, lagging replicas and an emptied store never move a flag back.
type registers struct {
	doc      flagstore.Document
	flag     rampart.Flag
	unknown  error             // what the document says that this reader does not understand
	compiled *rampart.Compiled // the document under no registers; nil: to be compiled again
	counts   *counts           // of the launch that the document names
	kill     rampart.Kill
	lease    lease
}

// A segment is the highest version seen of one segment.
type segment struct{ doc flagstore.Document }

// Source says where the state of a client comes from.
type Source string

// The sources.
const (
	FromNowhere   Source = "defaults"
	FromBootstrap Source = "bootstrap"
	FromStore     Source = "store"
)

// joinSnapshot takes up all that a snapshot knows. What it does not know says
// nothing: a missing flag is no removed flag. The caller holds c.mu.
func (c *Client) joinSnapshot(s flagstore.Snapshot, from Source) {
	touched := map[string]bool{}
	for _, d := range s.Segments {
		c.joinSegment(d, touched)
	}
	for _, d := range s.Flags {
		if c.joinFlag(d, false) != nil {
			touched[d.Name] = true
		}
	}
	for _, k := range s.Kills {
		if c.joinKill(k) != nil {
			touched[k.Flag] = true
		}
	}
	for name := range touched {
		c.recompile(c.flags[name])
	}
	c.publishNames() // before anybody is told that the flags are there
	c.source = from
	if !c.known.Swap(true) {
		close(c.ready)
	}
	if len(touched) > 0 {
		signal(c.changed)
	}
}

// joinChange takes up one message of the feed. The caller holds c.mu.
func (c *Client) joinChange(ch flagstore.Change) {
	switch {
	case ch.Flag != nil:
		c.publish(c.joinFlag(*ch.Flag, true))
	case ch.Kill != nil:
		c.publish(c.joinKill(*ch.Kill))
	case ch.Segment != nil:
		touched := map[string]bool{}
		c.joinSegment(*ch.Segment, touched)
		for name := range touched {
			c.publish(c.flags[name])
		}
	}
}

// publish lets requests see news of a flag; nil: there are none.
func (c *Client) publish(f *Flag) {
	if f != nil {
		c.recompile(f)
		signal(c.changed)
	}
}

// joinFlag returns the flag if the document is news, else nil. One that was just
// written has its whole lease before it; of one that was loaded, nobody knows yet.
func (c *Client) joinFlag(d flagstore.Document, fresh bool) *Flag {
	f := c.flagNamed(d.Name)
	r := &f.registers
	if d.Version <= r.doc.Version {
		return nil
	}
	before := r.flag
	r.doc, r.compiled = d, nil
	r.flag, r.unknown = rampart.DecodeFlag(d.JSON)
	r.flag.Name, r.flag.Version = d.Name, d.Version
	if r.flag.Off == nil {
		r.flag.Off = before.Off
	}
	if r.unknown != nil {
		c.log.Error("flag cannot be read; it serves off", "flag", d.Name, "version", d.Version, "error", r.unknown)
	}
	c.expectLease(f, fresh)
	return f
}

// joinKill returns the flag if the kill register is news, else nil.
func (c *Client) joinKill(k rampart.Kill) *Flag {
	f := c.flagNamed(k.Flag)
	r := &f.registers
	if k.Version <= r.kill.Version {
		return nil
	}
	if k.Killed != r.kill.Killed {
		c.log.Info("kill register changed", "flag", k.Flag, "killed", k.Killed, "by", k.By, "reason", k.Reason)
	}
	r.kill = k
	return f
}

// joinSegment marks the flags that name the segment as touched.
func (c *Client) joinSegment(d flagstore.Document, touched map[string]bool) {
	if s := c.segments[d.Name]; s != nil && d.Version <= s.doc.Version {
		return
	}
	c.segments[d.Name] = &segment{doc: d}
	c.matchers[d.Name] = c.compileSegment(d)
	for name, f := range c.flags {
		if names(f.registers.flag, d.Name) {
			f.registers.compiled = nil
			touched[name] = true
		}
	}
}

func (c *Client) compileSegment(d flagstore.Document) *rampart.Matcher {
	s, err := rampart.DecodeSegment(d.JSON)
	var m *rampart.Matcher
	if err == nil {
		m, err = rampart.CompileSegment(s)
	} else {
		m, _ = rampart.Unreadable(err)
	}
	if err != nil {
		c.log.Error("segment cannot be read; flags that name it serve off", "segment", d.Name, "version", d.Version, "error", err)
	}
	return m
}

func names(f rampart.Flag, segment string) bool {
	for _, rules := range [][]rampart.Rule{f.Except, f.Include, f.Where} {
		for _, r := range rules {
			if r.Segment == segment {
				return true
			}
		}
	}
	return false
}

// recompile makes the flag's registers into what requests see. A kill and the end of
// a lease only decide about what is compiled already. The caller holds c.mu.
func (c *Client) recompile(f *Flag) {
	defer c.tell(f) // once it is served
	r := &f.registers
	if r.doc.Version == 0 && !r.kill.Killed {
		f.live.Store(nil)
		return
	}
	if r.compiled == nil {
		var err error
		if r.compiled, err = c.compile(r); err != nil {
			c.log.Error("flag cannot be evaluated; it serves off", "flag", f.name, "version", r.doc.Version, "error", err)
		}
		// The series exist before the first request can be counted on them.
		r.counts = c.telemetry.launch(f, r.compiled.Flag(), time.Now())
	}
	compiled := r.compiled.Under(rampart.Registers{
		Killed:      r.kill.Killed,
		LeaseEnded:  r.lease.ended,
		Unsupported: r.unknown != nil,
	})
	l := &live{Compiled: *compiled, flag: f, counts: r.counts}
	if l.counts != nil {
		l.seen = new(answers)
	}
	f.live.Store(l)
}

// compile turns a defect of the compiler into a flag that serves off: a document
// must never take a service down.
func (c *Client) compile(r *registers) (compiled *rampart.Compiled, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.unknown = fmt.Errorf("defect: %v", p)
			compiled, err = rampart.Compile(rampart.Flag{Name: r.doc.Name, Version: r.doc.Version, Off: r.flag.Off, Format: rampart.FlagFormat + 1}, nil)
		}
	}()
	flag := r.flag
	if r.doc.Version == 0 { // killed before it was ever seen
		flag = rampart.Flag{Name: r.kill.Flag, HashVersion: rampart.HashVersion}
	}
	compiled, err = rampart.Compile(flag, c.matchers)
	if r.unknown != nil {
		err = nil // it was told when the document came
	}
	return compiled, err
}

// flagNamed returns the flag's one and only handle. The caller holds c.mu.
func (c *Client) flagNamed(name string) *Flag {
	if f := c.flags[name]; f != nil {
		return f
	}
	f := &Flag{name: name, client: c}
	c.flags[name] = f
	return f
}

// publishNames lets flags be found by name. The caller holds c.mu.
func (c *Client) publishNames() {
	if c.names.Load().size != len(c.flags) {
		c.names.Store(tableOf(c.flags))
	}
}
