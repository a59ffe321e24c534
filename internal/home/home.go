// Package home knows the layout of KARS_HOME: contexts, runs, and the state of
// the local Azure. Folders are 0700 and files 0600.
package home

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Home is a KARS_HOME.
type Home struct {
	Dir string // absolute
}

// Find returns the folder that the environment names, ~/.kars by default. It
// creates nothing.
func Find(getenv func(string) string) (Home, error) {
	dir := getenv("KARS_HOME")
	if dir == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return Home{}, fmt.Errorf("finding the home folder: %w; set KARS_HOME", err)
		}
		dir = filepath.Join(user, ".kars")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Home{}, fmt.Errorf("finding KARS_HOME: %w", err)
	}
	return Home{Dir: abs}, nil
}

// Make creates the folders of the home.
func (h Home) Make() error {
	for _, d := range []string{h.Dir, h.Runs(), h.Local(), h.Principals()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("making KARS_HOME: %w", err)
		}
	}
	return nil
}

// Runs holds the journals.
func (h Home) Runs() string { return filepath.Join(h.Dir, "runs") }

// Local holds the local Azure and its clusters.
func (h Home) Local() string { return filepath.Join(h.Dir, "local") }

// Principals holds the credentials of local principals.
func (h Home) Principals() string { return filepath.Join(h.Local(), "principals") }

// CAFile is the certificate of the local Azure's authority.
func (h Home) CAFile() string { return filepath.Join(h.Local(), "ca.crt") }

// LogFile is the local Azure's log.
func (h Home) LogFile() string { return filepath.Join(h.Local(), "azure.log") }

// Hash is 16 hexadecimal digits that tell this home from every other.
func (h Home) Hash() string {
	sum := sha256.Sum256([]byte(h.Dir))
	return hex.EncodeToString(sum[:8])
}

// Port is where the local Azure listens on loopback unless told otherwise.
func (h Home) Port() int {
	sum := sha256.Sum256([]byte(h.Dir))
	return 20000 + int(binary.BigEndian.Uint16(sum[8:]))%10000
}

// maxSocketPath is what sockaddr_un holds, with its terminating zero.
const maxSocketPath = 107

// AdminSocket is the Unix socket on which the local Azure takes its owner's
// commands. Where the home's path is too long for a socket, it is kept in a
// folder of the home's own beside other temporary files.
func (h Home) AdminSocket() string {
	p := filepath.Join(h.Local(), "admin.sock")
	if len(p) > maxSocketPath {
		p = filepath.Join(os.TempDir(), "kars-"+h.Hash(), "admin.sock")
	}
	return p
}

// Azure says where the local Azure of this home answers.
type Azure struct {
	PID     int    `json:"pid"`
	Address string `json:"address"` // 127.0.0.1:port
	Started string `json:"started"` // RFC 3339
}

func (h Home) azureFile() string { return filepath.Join(h.Local(), "azure.json") }

// ReadAzure reads where the local Azure answers; found is false when it was
// never started or was stopped.
func (h Home) ReadAzure() (a Azure, found bool, err error) {
	found, err = readJSON(h.azureFile(), &a)
	return a, found, err
}

// WriteAzure records where the local Azure answers.
func (h Home) WriteAzure(a Azure) error { return writeJSON(h.azureFile(), a) }

// RemoveAzure forgets it.
func (h Home) RemoveAzure() error {
	if err := os.Remove(h.azureFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// PrincipalFile is where a principal's credential is kept.
func (h Home) PrincipalFile(name string) string {
	return filepath.Join(h.Principals(), name+".json")
}

// WritePrincipal keeps a local principal's credential, as
// internal/azure/credential reads it.
func (h Home) WritePrincipal(name string, credential any) error {
	return writeJSON(h.PrincipalFile(name), credential)
}

func readJSON(path string, out any) (bool, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return false, fmt.Errorf("reading %s: %w", path, err)
	}
	return true, nil
}

func writeJSON(path string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(path, append(raw, '\n'))
}

// WriteFile replaces a file whole, or not at all. Nobody else may read it.
func WriteFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // gone once renamed
	if _, err := tmp.Write(data); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := tmp.Sync(); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
