package cli

import (
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kars-dev/kars/internal/home"
)

// principalRequest asks the local Azure for a principal, or for more roles of
// one that is there.
type principalRequest struct {
	Name           string          `json:"name"`
	Type           string          `json:"type,omitempty"`
	Roles          []principalRole `json:"roles,omitempty"`
	DirectoryRoles []string        `json:"directoryRoles,omitempty"`
}

type principalRole struct {
	Role  string `json:"role"`  // name or GUID
	Scope string `json:"scope"` // ARM id, a group's name, or "subscription"
}

func (a *app) localPrincipalCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "principal", Short: "Users and service principals of the local tenant", Args: cobra.NoArgs}
	var kind string
	var roles, directoryRoles []string
	add := &cobra.Command{
		Use: "add NAME", Short: "Add a principal, or give one more roles", Args: exactly(1, "NAME"),
		Example: `  kars local principal add reader --role Reader
  kars local principal add deployer --type sp --role Contributor --role "User Access Administrator"
  kars local principal add guest --role Owner@my-group --directory-role "Agent ID Administrator"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if kind != "" && kind != "user" && kind != "sp" {
				return usagef("--type user", "--type %q is not one of user, sp", kind)
			}
			if _, err := a.startLocal(cmd.Context(), a.home.Port()); err != nil {
				return err
			}
			d, _, ok := a.running()
			if !ok {
				return errStopped()
			}
			req := principalRequest{Name: args[0], Type: kind, DirectoryRoles: directoryRoles}
			for _, r := range roles {
				name, scope, found := strings.Cut(r, "@")
				if !found {
					scope = "subscription"
				}
				req.Roles = append(req.Roles, principalRole{name, scope})
			}
			var made home.Principal
			if err := d.do(cmd.Context(), http.MethodPost, "/principals", req, &made); err != nil {
				return err
			}
			return a.principalAdded(made)
		},
	}
	add.Flags().StringVar(&kind, "type", "", "user or sp (default user)")
	add.Flags().StringArrayVar(&roles, "role", nil, "ROLE[@SCOPE]: a role's name or id; SCOPE is an ARM id, a group's name, or subscription (the default)")
	add.Flags().StringArrayVar(&directoryRoles, "directory-role", nil, "a directory role's name or template id")
	cmd.AddCommand(add)
	return cmd
}

// principalAdded keeps the credential of a principal that is new; one that was
// there has its own already, and no secret is told twice.
func (a *app) principalAdded(p home.Principal) error {
	if p.Password == "" && p.Secret == "" {
		a.printer.Say("%s has the roles; use it with --as %s", p.Name, p.Name)
		return nil
	}
	if err := a.keepPrincipal(p); err != nil {
		return err
	}
	a.printer.Say("%s is there; use it with --as %s", p.Name, p.Name)
	return nil
}
