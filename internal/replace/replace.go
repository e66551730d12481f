// Package replace writes files that somebody else may read at any time.
package replace

import (
	"errors"
	"os"
	"path/filepath"
)

// File leaves either the old content or the new one, whatever happens. Only its owner
// may read it.
func File(file string, content []byte) error {
	w, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
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
