package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/kars-dev/kars/internal/home"
	"github.com/kars-dev/kars/internal/report"
	"github.com/kars-dev/kars/localazure"
	"github.com/kars-dev/kars/localazure/requests"
)

func (a *app) localCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "local",
		Short: "The local Azure and its clusters on this machine",
		Args:  noArgs,
	}
	cmd.AddCommand(
		a.localStartCommand(), a.localStopCommand(), a.localStatusCommand(), a.localResetCommand(),
		a.localLogsCommand(), a.localRequestsCommand(), a.localPrincipalCommand(), a.localSuperviseCommand(),
	)
	return cmd
}

// admin is the local Azure's owner's door: a Unix socket in KARS_HOME.
type admin struct {
	client http.Client
}

// running returns the door of the local Azure that runs, or false.
func (a *app) running() (*admin, home.Azure, bool) {
	where, found, err := a.home.ReadAzure()
	if err != nil || !found {
		return nil, home.Azure{}, false
	}
	socket := a.home.AdminSocket()
	d := &admin{client: http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}},
	}}
	conn, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return nil, home.Azure{}, false
	}
	_ = conn.Close()
	return d, where, true
}

// do asks the local Azure, as its owner; in and out may be nil.
func (d *admin) do(ctx context.Context, method, path string, in, out any) error {
	body, writer := io.Pipe()
	go func() {
		if in == nil {
			_ = writer.Close()
			return
		}
		_ = writer.CloseWithError(json.NewEncoder(writer).Encode(in))
	}()
	req, err := http.NewRequestWithContext(ctx, method, "http://local"+path, body)
	if err != nil {
		return err
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return fmt.Errorf("asking the local Azure: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	if resp.StatusCode/100 != 2 {
		return adminError(resp)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

func adminError(resp *http.Response) error {
	var e struct {
		Error struct{ Code, Message string } `json:"error"`
	}
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if json.Unmarshal(raw, &e) == nil && e.Error.Message != "" {
		if resp.StatusCode/100 == 4 {
			return usagef("see 'kars local principal add --help'", "%s", e.Error.Message)
		}
		return fmt.Errorf("the local Azure: %s", e.Error.Message)
	}
	return fmt.Errorf("the local Azure answered %s", resp.Status)
}

// localStatus is the document of `kars local status`.
type localStatus struct {
	APIVersion string                     `json:"apiVersion"`
	Kind       string                     `json:"kind"`
	Running    bool                       `json:"running"`
	PID        int                        `json:"pid,omitempty"`
	Endpoints  map[string]string          `json:"endpoints"`
	Requests   statusRequests             `json:"requests"`
	Clusters   []localazure.ClusterStatus `json:"clusters"`
	Memory     statusMemory               `json:"memory"`
}

type statusRequests struct {
	ByPrincipal map[string]map[string]statusCount `json:"byPrincipal"`
}

type statusCount struct {
	Reads  int `json:"reads"`
	Writes int `json:"writes"`
}

type statusMemory struct {
	ResidentBytes int64 `json:"residentBytes"`
}

func (a *app) localStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Whether the local Azure runs, where, and who asked it for what",
		Example: "  kars local status\n  kars local status -o json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.localStatus(cmd.Context())
			if err != nil {
				return err
			}
			return a.printer.Document(s, func(w io.Writer) { writeLocalStatus(w, s) })
		},
	}
}

func (a *app) localStatus(ctx context.Context) (localStatus, error) {
	s := localStatus{Endpoints: map[string]string{}, Requests: statusRequests{map[string]map[string]statusCount{}}, Clusters: []localazure.ClusterStatus{}}
	if d, where, ok := a.running(); ok {
		var azure localazure.Status
		if err := d.do(ctx, http.MethodGet, "/status", nil, &azure); err != nil {
			return s, err
		}
		var answered []requests.Record
		if err := d.do(ctx, http.MethodGet, "/requests", nil, &answered); err != nil {
			return s, err
		}
		s.Running, s.PID, s.Clusters = true, where.PID, azure.Clusters
		s.Requests.ByPrincipal = byPrincipal(azure.Principals, answered)
		s.Memory.ResidentBytes = residentBytes(where.PID)
		s.Endpoints["azure"] = "https://" + where.Address
		s.Endpoints["ca"] = a.home.CAFile()
	}
	s.APIVersion, s.Kind = report.APIVersion, "LocalStatus"
	return s, nil
}

// byPrincipal counts who asked which plane for what. Local principals are
// called by their names, others by their object ids.
func byPrincipal(names map[string]string, all []requests.Record) map[string]map[string]statusCount {
	called := map[string]string{}
	for name, id := range names {
		called[id] = name
	}
	out := map[string]map[string]statusCount{}
	for _, r := range all {
		who := r.Caller.ObjectID
		if name, ok := called[who]; ok {
			who = name
		}
		if who == "" {
			who = "nobody"
		}
		if out[who] == nil {
			out[who] = map[string]statusCount{}
		}
		c := out[who][string(r.Plane)]
		if r.Write {
			c.Writes++
		} else {
			c.Reads++
		}
		out[who][string(r.Plane)] = c
	}
	return out
}

// residentBytes is the memory of a process, 0 where it cannot be read.
func residentBytes(pid int) int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(raw), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}

func writeLocalStatus(w io.Writer, s localStatus) {
	if !s.Running {
		_, _ = fmt.Fprintln(w, "the local Azure is stopped")
		return
	}
	_, _ = fmt.Fprintf(w, "the local Azure answers at %s (process %d, %d MB)\n", s.Endpoints["azure"], s.PID, s.Memory.ResidentBytes>>20)
	for _, c := range s.Clusters {
		_, _ = fmt.Fprintf(w, "cluster %s: %s %s (%d MB)\n", c.ID, c.State, c.Server, c.ResidentBytes>>20)
	}
	rows := [][]string{{"PRINCIPAL", "PLANE", "READS", "WRITES"}}
	for _, who := range sorted(s.Requests.ByPrincipal) {
		for _, plane := range sorted(s.Requests.ByPrincipal[who]) {
			c := s.Requests.ByPrincipal[who][plane]
			rows = append(rows, []string{who, plane, strconv.Itoa(c.Reads), strconv.Itoa(c.Writes)})
		}
	}
	if len(rows) > 1 {
		report.Table(w, rows...)
	}
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func (a *app) localRequestsCommand() *cobra.Command {
	var plane string
	cmd := &cobra.Command{
		Use:     "requests",
		Short:   "The requests that the local Azure answered: claims, never tokens",
		Example: "  kars local requests --plane model -o json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if plane != "" && !isPlane(plane) {
				return usagef("for example: --plane model", "--plane %q is not one of arm, graph, entra, imds, registry, vault, model", plane)
			}
			d, _, ok := a.running()
			if !ok {
				return errStopped()
			}
			records := []requests.Record{}
			if err := d.do(cmd.Context(), http.MethodGet, "/requests?plane="+url.QueryEscape(plane), nil, &records); err != nil {
				return err
			}
			return a.printer.Document(records, func(w io.Writer) {
				rows := [][]string{{"TIME", "PLANE", "STATUS", "METHOD", "PATH", "CALLER"}}
				for _, r := range records {
					rows = append(rows, []string{r.Time.Format(time.RFC3339), string(r.Plane), strconv.Itoa(r.Status), r.Method, r.Path, r.Caller.ObjectID})
				}
				report.Table(w, rows...)
			})
		},
	}
	cmd.Flags().StringVar(&plane, "plane", "", "only those of arm, graph, entra, imds, registry, vault or model")
	return cmd
}

func isPlane(name string) bool {
	switch requests.Plane(name) {
	case requests.ARM, requests.Graph, requests.Entra, requests.IMDS, requests.Registry, requests.Vault, requests.Model:
		return true
	}
	return false
}

func errStopped() error {
	return &codeError{code: exitFailed, text: "the local Azure is stopped", hints: []string{"start it: kars local start"}}
}

func (a *app) localLogsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logs",
		Short: "Print the local Azure's log",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := os.Open(a.home.LogFile())
			if errors.Is(err, fs.ErrNotExist) {
				return &codeError{code: exitFailed, text: "the local Azure has not been started yet", hints: []string{"start it: kars local start"}}
			}
			if err != nil {
				return err
			}
			defer f.Close() //nolint:errcheck // only read
			_, err = io.Copy(a.streams.Out, f)
			return err
		},
	}
}
