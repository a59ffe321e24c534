package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/rbac"
)

// azSocket is set where this binary stands in for the Azure CLI: it hands its
// arguments to the test, which does by the local Azure's API what they ask for.
const azSocket = "KARS_FAULTS_AZ"

type azAnswer struct {
	Out, Err string
}

// azMain is the process of one command of az.
func azMain(socket string) int {
	var a azAnswer
	conn, err := net.Dial("unix", socket)
	if err == nil {
		defer func() { _ = conn.Close() }()
		err = errors.Join(json.NewEncoder(conn).Encode(os.Args[1:]), json.NewDecoder(conn).Decode(&a))
	}
	if err != nil {
		a.Err = err.Error()
	}
	fmt.Print(a.Out)
	if a.Err != "" {
		fmt.Fprintln(os.Stderr, "ERROR:", a.Err)
		return 1
	}
	return 0
}

// runScript runs a shell script whose az is signed in as the caller.
func (c *caller) runScript(text string) {
	c.Helper()
	dir, err := os.MkdirTemp("", "az") // a socket's path is short
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(dir, "az"))
	}
	if err != nil {
		c.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go c.serveAz(l)
	script := filepath.Join(dir, "script.sh")
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		c.Fatal(err)
	}
	cmd := exec.CommandContext(c.Context(), "sh", script)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), azSocket+"="+socket, "KARS_POLL_SECONDS=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		c.Fatalf("the script ends with %v:\n%s", err, out)
	}
}

func (c *caller) serveAz(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		var args []string
		var a azAnswer
		if err := json.NewDecoder(conn).Decode(&args); err != nil {
			a.Err = err.Error()
		} else if a.Out, err = c.az(args); err != nil {
			a.Err = err.Error()
		}
		_ = json.NewEncoder(conn).Encode(a)
		_ = conn.Close()
	}
}

// az does what a command of the Azure CLI does. It knows the commands that
// kars' scripts use, and no flag that they do not.
func (c *caller) az(args []string) (string, error) {
	words := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "--") })
	if words < 0 {
		return "", fmt.Errorf("no flags: %q", args)
	}
	flags, err := azFlags(args[words:])
	if err != nil {
		return "", err
	}
	command, known := c.azCommands()[strings.Join(args[:words], " ")]
	if !known {
		return "", fmt.Errorf("no such command: %q", args[:words])
	}
	for name := range flags {
		if !slices.Contains(append(strings.Fields(command.flags), "subscription", "output"), name) {
			return "", fmt.Errorf("%q takes no --%s", args[:words], name)
		}
	}
	if s, ok := flags["subscription"]; ok && s != c.azure.SubscriptionID() {
		return "", fmt.Errorf("the subscription %q is not there", s)
	}
	return command.run(flags)
}

// azFlags reads --name value …; a name without a value is a switch, and one
// with several has them joined by line ends.
func azFlags(args []string) (map[string]string, error) {
	out := map[string]string{}
	for i := 0; i < len(args); {
		name, ok := strings.CutPrefix(args[i], "--")
		if !ok {
			return nil, fmt.Errorf("%q is no flag", args[i])
		}
		i++
		var values []string
		for ; i < len(args) && !strings.HasPrefix(args[i], "--"); i++ {
			values = append(values, args[i])
		}
		out[name] = strings.Join(values, "\n")
	}
	return out, nil
}

type azCommand struct {
	flags string
	run   func(f map[string]string) (string, error)
}

func (c *caller) azCommands() map[string]azCommand {
	subscription := "/subscriptions/" + c.azure.SubscriptionID()
	group := func(f map[string]string) string { return subscription + "/resourceGroups/" + f["resource-group"] }
	return map[string]azCommand{
		"group exists": {"name", func(f map[string]string) (string, error) {
			_, found, err := c.arm.GetGroup(c.Context(), c.azure.SubscriptionID(), f["name"])
			return fmt.Sprintln(found), err
		}},
		"group create": {"name location tags", func(f map[string]string) (string, error) {
			tags := map[string]string{}
			for t := range strings.Lines(f["tags"]) {
				key, value, _ := strings.Cut(strings.TrimSpace(t), "=")
				tags[key] = value
			}
			_, err := c.arm.PutGroup(c.Context(), c.azure.SubscriptionID(), f["name"], f["location"], tags)
			return "", err
		}},
		"provider register": {"namespace wait", func(f map[string]string) (string, error) {
			for {
				p, err := c.arm.RegisterProvider(c.Context(), c.azure.SubscriptionID(), f["namespace"])
				if err != nil || p.State == "Registered" {
					return "", err
				}
			}
		}},
		"feature show": {"namespace name query", func(f map[string]string) (string, error) {
			state, _, err := c.arm.FeatureState(c.Context(), c.azure.SubscriptionID(), f["namespace"], f["name"])
			return state + "\n", err
		}},
		"feature register": {"namespace name", func(f map[string]string) (string, error) {
			return "", c.arm.RegisterFeature(c.Context(), c.azure.SubscriptionID(), f["namespace"], f["name"])
		}},
		"deployment group create": {"resource-group name template-file", func(f map[string]string) (string, error) {
			return "", c.azDeploy(group(f), f["name"], f["template-file"])
		}},
		"identity show": {"ids query", func(f map[string]string) (string, error) {
			t, found, err := c.arm.Get(c.Context(), f["ids"], "2023-01-31")
			if err != nil || !found || f["query"] != "principalId" {
				return "", fmt.Errorf("reading %s (found: %t): %w", f["ids"], found, err)
			}
			return fmt.Sprintln(t["properties"].(tree)["principalId"]), nil
		}},
		"role definition list": {"custom-role-only name query", func(f map[string]string) (string, error) {
			return c.azRole(f["name"])
		}},
		"role definition create": {"role-definition query", func(f map[string]string) (string, error) {
			return c.azPutRole(uuid.NewString(), f["role-definition"])
		}},
		"role definition update": {"role-definition", func(f map[string]string) (string, error) {
			var d struct{ Name string }
			if err := json.Unmarshal([]byte(f["role-definition"]), &d); err != nil {
				return "", err
			}
			id, err := c.azRole(d.Name)
			if err != nil || id == "" {
				return "", fmt.Errorf("there is no role %q: %w", d.Name, err)
			}
			return c.azPutRole(strings.TrimSpace(id), f["role-definition"])
		}},
		"role assignment create": {
			"assignee-object-id assignee-principal-type role scope condition condition-version",
			func(f map[string]string) (string, error) {
				_, err := c.arm.PutRoleAssignment(c.Context(), uuid.NewString(), rbac.Assignment{
					Scope: f["scope"], PrincipalID: f["assignee-object-id"], PrincipalType: f["assignee-principal-type"],
					RoleDefinitionID: f["role"], Condition: f["condition"], ConditionVersion: f["condition-version"],
				})
				if arm.HasCode(err, "RoleAssignmentExists") {
					err = nil // az shows the one that is there
				}
				return "", err
			},
		},
	}
}

func (c *caller) azDeploy(group, name, file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var template tree
	if err := json.Unmarshal(raw, &template); err != nil {
		return err
	}
	o, err := c.arm.BeginDeployment(c.Context(), group, name, arm.Deployment{Template: template})
	if err != nil {
		return err
	}
	_, err = o.Wait(c.Context())
	return err
}

// azRole is the id of a custom role, or nothing.
func (c *caller) azRole(name string) (string, error) {
	all, err := c.arm.RoleDefinitions(c.Context(), "/subscriptions/"+c.azure.SubscriptionID(), "")
	for _, d := range all {
		if d.Name == name && d.Type == "CustomRole" {
			return d.ID + "\n", err
		}
	}
	return "", err
}

// azPutRole writes a role that is given in the shape that az takes.
func (c *caller) azPutRole(id, definition string) (string, error) {
	var d struct {
		Name, Description                                string
		IsCustom                                         bool
		Actions, NotActions, DataActions, NotDataActions []string
		AssignableScopes                                 []string
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(definition)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return "", err
	}
	_, err := c.arm.Put(c.Context(), "/subscriptions/"+c.azure.SubscriptionID()+"/providers/Microsoft.Authorization/roleDefinitions/"+id, "2022-04-01", tree{
		"properties": tree{
			"roleName": d.Name, "description": d.Description, "type": "CustomRole", "assignableScopes": d.AssignableScopes,
			"permissions": []any{tree{"actions": d.Actions, "notActions": d.NotActions, "dataActions": d.DataActions, "notDataActions": d.NotDataActions}},
		},
	})
	return id + "\n", err
}
