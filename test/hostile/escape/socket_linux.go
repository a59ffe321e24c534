package escape

import (
	"context"
	"fmt"
	"maps"
	"net"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// sockets are those that could see or send what the packet filter does not
// know of, or that talk to the kernel.
var sockets = map[string][3]int{
	"packet":  {unix.AF_PACKET, unix.SOCK_RAW, 0},
	"raw":     {unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW},
	"raw6":    {unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_RAW},
	"netlink": {unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE},
	"vsock":   {unix.AF_VSOCK, unix.SOCK_STREAM, 0},
	"alg":     {unix.AF_ALG, unix.SOCK_SEQPACKET, 0},
	"xdp":     {unix.AF_XDP, unix.SOCK_RAW, 0},
}

func openSocket(name string) (string, error) {
	s, ok := sockets[name]
	if !ok {
		return "", fmt.Errorf("there is no socket %q", name)
	}
	fd, err := unix.Socket(s[0], s[1]|unix.SOCK_CLOEXEC, s[2])
	if err != nil {
		return "", err
	}
	return "opened", unix.Close(fd)
}

// calls would make the process more than it is, or show it more.
var calls = map[string][4]uintptr{
	"setuid 0":       {unix.SYS_SETUID, 0},
	"setuid 1001":    {unix.SYS_SETUID, 1001},
	"setgid 1001":    {unix.SYS_SETGID, 1001},
	"unshare user":   {unix.SYS_UNSHARE, unix.CLONE_NEWUSER},
	"unshare net":    {unix.SYS_UNSHARE, unix.CLONE_NEWNET},
	"ptrace":         {unix.SYS_PTRACE, unix.PTRACE_TRACEME},
	"bpf":            {unix.SYS_BPF, 0, 0, 0},
	"perf":           {unix.SYS_PERF_EVENT_OPEN, 0, 0, 0},
	"io_uring":       {unix.SYS_IO_URING_SETUP, 1, 0},
	"pidfd of 1":     {unix.SYS_PIDFD_GETFD, 1, 0, 0},
	"keyring":        {unix.SYS_KEYCTL, 0, 0, 0},
	"kernel's log":   {unix.SYS_SYSLOG, 3, 0, 0},
	"new mount":      {unix.SYS_FSOPEN, 0, 0},
	"module":         {unix.SYS_FINIT_MODULE, 0, 0, 0},
	"reboot":         {unix.SYS_REBOOT, 0, 0, 0},
	"host's name":    {unix.SYS_SETHOSTNAME, 0, 0},
	"file by handle": {unix.SYS_OPEN_BY_HANDLE_AT, 0, 0, 0},
}

// call makes a system call on a thread of its own, which ends with it.
func call(name string) (string, error) {
	c, ok := calls[name]
	if !ok {
		return "", fmt.Errorf("there is no call %q", name)
	}
	ended := make(chan unix.Errno, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: what the call changes ends here
		_, _, errno := unix.RawSyscall(c[0], c[1], c[2], c[3])
		ended <- errno
	}()
	if errno := <-ended; errno != 0 {
		return "", errno
	}
	return "done", nil
}

// ping sends an echo request by the socket that needs no capability.
func ping(ctx context.Context, target string) (string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing is kept
	ip := net.ParseIP(target).To4()
	if ip == nil {
		return "", fmt.Errorf("%q is no IPv4 address", target)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(patience.Seconds())}); err != nil {
		return "", err
	}
	echo := []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0} // its checksum is right as it stands
	if err := unix.Sendto(fd, echo, 0, &unix.SockaddrInet4{Addr: [4]byte(ip)}); err != nil {
		return "", err
	}
	n, _, err := unix.Recvfrom(fd, make([]byte, 64), 0)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d bytes came back", n), ctx.Err()
}

// Calls are the names of the system calls that can be tried.
func Calls() []string { return slices.Sorted(maps.Keys(calls)) }
