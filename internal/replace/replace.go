// Package replace writes files that somebody else may read at any time.
package replace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// left is how old a file is that a process which was killed did not get to rename. One
// that is being written is younger.
const left = 10 * time.Minute

// cleaned are the files beside which this process has looked for what others left.
var cleaned sync.Map

// File leaves either the old content or the new one, whatever happens. Only its owner
// may read it. What a process that was killed half-way has left beside it is removed
// by the next one, so that restarts fill no disk.
func File(file string, content []byte) error {
	dir, temporary := filepath.Dir(file), filepath.Base(file)+".tmp-"
	if _, known := cleaned.LoadOrStore(file, true); !known {
		clean(dir, temporary)
	}
	w, err := os.CreateTemp(dir, temporary+"*")
	if err != nil {
		return err
	}
	defer os.Remove(w.Name()) // once renamed, there is nothing to remove
	_, err = w.Write(content)
	if err = errors.Join(err, w.Sync(), w.Close()); err != nil {
		return err
	}
	return os.Rename(w.Name(), file)
}

// clean removes what it may; nobody needs it to succeed.
func clean(dir, temporary string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if number, ours := strings.CutPrefix(e.Name(), temporary); ours && strings.Trim(number, "0123456789") == "" && isLeft(e) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

func isLeft(e fs.DirEntry) bool {
	info, err := e.Info()
	return err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > left
}
