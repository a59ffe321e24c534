package guard_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/internal/guard"
)

// profile is the part of the OCI runtime's seccomp configuration that is used;
// github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp
type profile struct {
	DefaultAction   string   `json:"defaultAction"`
	DefaultErrnoRet uint     `json:"defaultErrnoRet"`
	Architectures   []string `json:"architectures"`
	Syscalls        []struct {
		Names    []string `json:"names"`
		Action   string   `json:"action"`
		ErrnoRet uint     `json:"errnoRet"`
		Args     []struct {
			Index    uint   `json:"index"`
			Value    uint64 `json:"value"`
			ValueTwo uint64 `json:"valueTwo"`
			Op       string `json:"op"`
		} `json:"args"`
	} `json:"syscalls"`
}

func read(t *testing.T) profile {
	t.Helper()
	var p profile
	d := json.NewDecoder(strings.NewReader(string(guard.StrictProfile())))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatalf("the profile is not what a container runtime reads: %v", err)
	}
	return p
}

func TestTheStrictProfileDeniesByDefault(t *testing.T) {
	p := read(t)
	if p.DefaultAction != "SCMP_ACT_ERRNO" || p.DefaultErrnoRet != 1 {
		t.Errorf("default = %s %d, want SCMP_ACT_ERRNO with EPERM", p.DefaultAction, p.DefaultErrnoRet)
	}
	// 32-bit calls multiplex sockets past the argument filter.
	if diff := cmp.Diff([]string{"SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"}, p.Architectures); diff != "" {
		t.Errorf("architectures (-want +got):\n%s", diff)
	}
}

func TestTheStrictProfileAllowsSocketsOfThreeFamilies(t *testing.T) {
	var families []uint64
	for _, s := range read(t).Syscalls {
		if !slices.Contains(s.Names, "socket") {
			continue
		}
		if len(s.Names) != 1 || len(s.Args) != 1 || s.Args[0].Index != 0 || s.Args[0].Op != "SCMP_CMP_EQ" {
			t.Fatalf("socket is allowed other than by its family: %+v", s)
		}
		families = append(families, s.Args[0].Value)
	}
	if diff := cmp.Diff([]uint64{1, 2, 10}, families); diff != "" {
		t.Errorf("families, AF_UNIX AF_INET AF_INET6 (-want +got):\n%s", diff)
	}
}

func TestTheStrictProfileHasNoDangerousCall(t *testing.T) {
	dangerous := strings.Fields(`socketcall ipc ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd
		bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
		mount umount2 move_mount fsopen fsmount open_tree pivot_root chroot setns unshare
		keyctl add_key request_key init_module finit_module delete_module kexec_load kexec_file_load
		reboot swapon swapoff acct settimeofday clock_settime adjtimex clock_adjtime
		mknod mknodat name_to_handle_at open_by_handle_at iopl ioperm modify_ldt
		fanotify_init fanotify_mark quotactl syslog vhangup lookup_dcookie memfd_secret`)
	for _, s := range read(t).Syscalls {
		if s.Action != "SCMP_ACT_ALLOW" {
			continue
		}
		for _, name := range s.Names {
			if slices.Contains(dangerous, name) {
				t.Errorf("%s is allowed", name)
			}
		}
	}
}

// TestTheStrictProfileLetsProgramsRun names what a static Go binary and the
// runtime that starts it cannot do without.
func TestTheStrictProfileLetsProgramsRun(t *testing.T) {
	var allowed []string
	for _, s := range read(t).Syscalls {
		if s.Action == "SCMP_ACT_ALLOW" {
			allowed = append(allowed, s.Names...)
		}
		if slices.Contains(s.Names, "clone3") && s.ErrnoRet != 38 {
			t.Error("clone3 must end in ENOSYS: programs then fall back to clone, whose flags can be filtered")
		}
	}
	for _, name := range strings.Fields(`execve exit_group futex clone mmap mprotect rt_sigaction rt_sigreturn sigaltstack
		epoll_create1 epoll_ctl epoll_pwait eventfd2 openat read write close fcntl bind listen accept4 connect
		getsockopt setsockopt getrandom sched_getaffinity arch_prctl prctl capset setresuid prlimit64 fstat newfstatat`) {
		if !slices.Contains(allowed, name) {
			t.Errorf("%s is not allowed", name)
		}
	}
}
