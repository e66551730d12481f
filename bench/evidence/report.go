package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A report is one page of tables and plots, each with the command that made it.
type report struct {
	folder string // empty: nothing is written
	name   string
	text   strings.Builder
	files  map[string]string
}

func (b *bench) report(name, title, about string) *report {
	r := &report{folder: b.docs, name: name, files: map[string]string{}}
	fmt.Fprintf(&r.text, "# %s\n\n%s\n\nMade by:\n\n```console\n$ %s\n```\n", title, about, b.command())
	return r
}

// command is what made the page.
func (b *bench) command() string {
	parts := []string{"go run ./bench/evidence"}
	if b.only != "" {
		parts = append(parts, fmt.Sprintf("-only '%s'", b.only))
	}
	if w := b.world.String(); w != "" {
		parts = append(parts, fmt.Sprintf("-world '%s'", w))
	}
	if b.quick {
		parts = append(parts, "-quick")
	}
	if b.runs > 0 {
		parts = append(parts, fmt.Sprintf("-runs %d", b.runs))
	}
	return strings.Join(append(parts, fmt.Sprintf("-seed %d -docs docs/evidence", b.seed)), " ")
}

func (r *report) section(title, about string, head []string, rows [][]string) {
	fmt.Fprintf(&r.text, "\n## %s\n\n", title)
	if about != "" {
		fmt.Fprintf(&r.text, "%s\n\n", about)
	}
	cells := func(row []string) { fmt.Fprintf(&r.text, "| %s |\n", strings.Join(row, " | ")) }
	cells(head)
	fmt.Fprintf(&r.text, "|%s\n", strings.Repeat("---|", len(head)))
	for _, row := range rows {
		cells(row)
	}
}

func (r *report) plot(file string, c chart) { r.image(file, c.title, c.svg()) }

func (r *report) bars(file, title string, bars []bar, promised float64) {
	r.image(file, title, barChart(title, bars, promised))
}

func (r *report) image(file, title, svg string) {
	fmt.Fprintf(&r.text, "\n![%s](%s.svg)\n", title, file)
	r.files[file+".svg"] = svg
}

func (r *report) write() error {
	if r.folder == "" {
		return nil
	}
	if err := os.MkdirAll(r.folder, 0o750); err != nil {
		return fmt.Errorf("write the tables: %w", err)
	}
	r.files[r.name+".md"] = r.text.String()
	for name, text := range r.files {
		if err := os.WriteFile(filepath.Join(r.folder, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write the tables: %w", err)
		}
	}
	return nil
}
