package localcluster

import (
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// end ends everything in an order in which nothing is lost: what starts pods,
// the pods, what they need, and at last etcd. Whoever does not go is killed.
func (s *supervisor) end() {
	if s.relay != nil {
		_ = s.relay.Close()
	}
	if s.services == nil {
		return
	}
	workers := []string{"kube-controller-manager", "kube-scheduler", "dns"}
	var runtimes []string
	for _, n := range s.nodes {
		workers = append(workers, n.Name+"-kubelet", n.Name+"-kube-proxy")
		runtimes = append(runtimes, n.Name+"-containerd")
	}
	s.services.stop(2*time.Second, workers...)
	s.endPods(2 * time.Second)
	s.services.stop(2*time.Second, append(runtimes, "kube-apiserver")...)
	s.services.stop(3*time.Second, "etcd")
	_ = syscall.Kill(-1, syscall.SIGKILL) // all in this PID namespace but this process
	deadline := time.Now().Add(2 * time.Second)
	for others() && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if err := s.cgroups.remove(); err != nil {
		s.log.Error("removing control groups", "error", err)
	}
}

// endPods asks the pods' processes to end and waits for them.
func (s *supervisor) endPods(patience time.Duration) {
	deadline := time.Now().Add(patience)
	asked := map[int]bool{}
	for time.Now().Before(deadline) {
		pids, err := s.cgroups.processes()
		if err != nil {
			s.log.Error("looking for the processes of pods", "error", err)
			return
		}
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			if !asked[pid] {
				_ = syscall.Kill(pid, syscall.SIGTERM) // may have ended
				asked[pid] = true
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// others reports whether there are other processes in this PID namespace.
func others() bool {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	return err == nil && (len(dirs) > 1 || len(dirs) == 1 && dirs[0] != "/proc/1" && os.Getpid() == 1)
}
