package registry

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// blobs keeps content on disk under its digest. A blob is whole from the
// moment it has its name, and is never changed after.
type blobs struct {
	dir string
	// sweep excludes sweeping while a blob has its name but no repository
	// refers to it yet.
	sweep sync.RWMutex
}

func (b *blobs) path(digest v1.Hash) string {
	return filepath.Join(b.dir, digest.Algorithm, digest.Hex[:2], digest.Hex)
}

// open returns a blob, or an error that wraps [fs.ErrNotExist].
func (b *blobs) open(digest v1.Hash) (*os.File, error) { return os.Open(b.path(digest)) }

// adopt gives a finished temporary file its digest as a name.
func (b *blobs) adopt(tmp string, digest v1.Hash) error {
	path := b.path(digest)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// link takes a blob over from elsewhere on this machine: by a hard link where
// the file system allows it, else as a copy.
func (b *blobs) link(from string, digest v1.Hash) error {
	path := b.path(digest)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	err := os.Link(from, path)
	if err == nil {
		return syncDir(filepath.Dir(path))
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading blob %s: %w", digest, err)
	}
	return b.copy(from, digest)
}

func (b *blobs) copy(from string, digest v1.Hash) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	tmp, err := os.CreateTemp(b.dir, ".tmp-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = io.Copy(tmp, source)
	if err == nil {
		err = tmp.Sync()
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("copying blob %s: %w", digest, err)
	}
	return b.adopt(tmp.Name(), digest)
}

// retain removes every blob that keep does not hold.
func (b *blobs) retain(keep map[string]bool) error {
	return filepath.WalkDir(b.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if keep[entry.Name()] {
			return nil
		}
		return os.Remove(path)
	})
}

// syncDir makes a rename in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}
