package localcluster

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path/filepath"

	"github.com/kars-dev/kars/localazure"
)

// state is a cluster's folder.
type state string

func (s state) config() string          { return filepath.Join(string(s), "cluster.json") }
func (s state) status() string          { return filepath.Join(string(s), "status.json") }
func (s state) port() string            { return filepath.Join(string(s), "port.json") }
func (s state) lock() string            { return filepath.Join(string(s), "lock") }
func (s state) pki() string             { return filepath.Join(string(s), "pki") }
func (s state) etcd() string            { return filepath.Join(string(s), "etcd") }
func (s state) etcdBegun() string       { return filepath.Join(string(s), "etcd.begun") }
func (s state) control() string         { return filepath.Join(string(s), "control") }
func (s state) logs() string            { return filepath.Join(string(s), "logs") }
func (s state) run() string             { return filepath.Join(string(s), "run") }
func (s state) root(node string) string { return filepath.Join(string(s), "nodes", node) }

// network is where a node's network namespace is, in the supervisor's mounts.
func (s state) network(node string) string { return filepath.Join(s.run(), "netns", node) }

// config is what a supervisor is told.
type config struct {
	Spec               localazure.ClusterSpec `json:"spec"`
	Key                string                 `json:"key"`      // see [key]
	Binaries           string                 `json:"binaries"` // folder
	CredentialProvider string                 `json:"credentialProvider,omitempty"`
}

// hash tells whether a cluster that runs is the one that is asked for.
func (c config) hash() string {
	data, err := json.Marshal(c)
	if err != nil { // strings, numbers and maps of them
		panic(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// cgroup is the name of the cluster's control groups.
func (c config) cgroup() string { return "kars-" + c.Key }

// phase is how far a cluster has come.
type phase string

const (
	starting phase = "starting"
	ready    phase = "ready"
	failed   phase = "failed"
)

// status is what a supervisor says of itself.
type status struct {
	PID     int    `json:"pid"`     // in the machine's PID namespace
	Started uint64 `json:"started"` // of the process, in ticks since boot; with PID it names one process for good
	Config  string `json:"config"`  // [config.hash]
	Phase   phase  `json:"phase"`
	Error   string `json:"error,omitempty"`
	Port    int    `json:"port,omitempty"` // of the relay
}
