package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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
)

func (a *app) localCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "local",
		Short: "The local Azure and its clusters on this machine",
		Args:  cobra.NoArgs,
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
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Running    bool              `json:"running"`
	PID        int               `json:"pid,omitempty"`
	Endpoints  map[string]string `json:"endpoints"`
	Requests   statusRequests    `json:"requests"`
	Clusters   []statusCluster   `json:"clusters"`
	Memory     statusMemory      `json:"memory"`
}

type statusRequests struct {
	ByPrincipal map[string]map[string]statusCount `json:"byPrincipal"`
}

type statusCount struct {
	Reads  int `json:"reads"`
	Writes int `json:"writes"`
}

type statusCluster struct {
	ID            string `json:"id"`
	State         string `json:"state"`
	Server        string `json:"server,omitempty"`
	ResidentBytes int64  `json:"residentBytes,omitempty"`
}

type statusMemory struct {
	ResidentBytes int64 `json:"residentBytes"`
}

func (a *app) localStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Whether the local Azure runs, where, and who asked it for what",
		Example: "  kars local status\n  kars local status -o json",
		Args:    cobra.NoArgs,
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
	s := localStatus{Endpoints: map[string]string{}, Requests: statusRequests{map[string]map[string]statusCount{}}, Clusters: []statusCluster{}}
	if d, where, ok := a.running(); ok {
		if err := d.do(ctx, http.MethodGet, "/status", nil, &s); err != nil {
			return s, err
		}
		s.Running, s.PID = true, where.PID
		s.Endpoints["azure"] = "https://" + where.Address
		s.Endpoints["ca"] = a.home.CAFile()
	}
	s.APIVersion, s.Kind = report.APIVersion, "LocalStatus"
	return s, nil
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
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, _, ok := a.running()
			if !ok {
				return errStopped()
			}
			var records []requestRecord
			if err := d.do(cmd.Context(), http.MethodGet, "/requests?plane="+url.QueryEscape(plane), nil, &records); err != nil {
				return err
			}
			return a.printer.Document(records, func(w io.Writer) {
				rows := [][]string{{"TIME", "PLANE", "STATUS", "METHOD", "PATH", "CALLER"}}
				for _, r := range records {
					rows = append(rows, []string{r.Time.Format(time.RFC3339), r.Plane, strconv.Itoa(r.Status), r.Method, r.Path, r.Caller["oid"]})
				}
				report.Table(w, rows...)
			})
		},
	}
	cmd.Flags().StringVar(&plane, "plane", "", "only those of arm, graph, entra, imds, registry, vault or model")
	return cmd
}

// requestRecord is one of the list that `kars local requests` prints.
type requestRecord struct {
	Time   time.Time         `json:"time"`
	Method string            `json:"method"`
	Path   string            `json:"path"`
	Host   string            `json:"host"`
	Status int               `json:"status"`
	Plane  string            `json:"plane"`
	Write  bool              `json:"write"`
	Caller map[string]string `json:"caller"`
}

func errStopped() error {
	return &codeError{code: exitFailed, text: "the local Azure is stopped", hints: []string{"start it: kars local start"}}
}

func (a *app) localLogsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logs",
		Short: "Print the local Azure's log",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f, err := os.Open(a.home.LogFile())
			if err != nil {
				return errStopped()
			}
			defer f.Close() //nolint:errcheck // only read
			_, err = io.Copy(a.streams.Out, f)
			return err
		},
	}
}
