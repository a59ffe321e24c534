package cli

import (
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kars-dev/kars/localazure"
)

func (a *app) localPrincipalCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "principal", Short: "Users and service principals of the local tenant", Args: noArgs}
	var kind string
	var roles, directoryRoles []string
	add := &cobra.Command{
		Use: "add NAME", Short: "Add a principal, or give one more roles", Args: exactly(1, "NAME"),
		Example: `  kars local principal add reader --role Reader
  kars local principal add deployer --type sp --role Contributor --role "User Access Administrator"
  kars local principal add guest --role Owner@my-group --directory-role "Agent ID Administrator"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if kind != "" && kind != "user" && kind != "sp" {
				return usagef("for example: --type user", "--type %q is not one of user, sp", kind)
			}
			if _, err := a.startLocal(cmd.Context(), a.home.Port()); err != nil {
				return err
			}
			d, _, ok := a.running()
			if !ok {
				return errStopped()
			}
			var status localazure.Status
			if err := d.do(cmd.Context(), http.MethodGet, "/status", nil, &status); err != nil {
				return err
			}
			req := localazure.Principal{Name: args[0], Type: kind, DirectoryRoles: directoryRoles}
			for _, r := range roles {
				req.Roles = append(req.Roles, parseRole(r, status.SubscriptionID))
			}
			var made localazure.Credential
			if err := d.do(cmd.Context(), http.MethodPost, "/principals", req, &made); err != nil {
				return err
			}
			a.principalAdded(made)
			return nil
		},
	}
	add.Flags().StringVar(&kind, "type", "", "user or sp (default user)")
	add.Flags().StringArrayVar(&roles, "role", nil, "ROLE[@SCOPE]: a role's name or id; SCOPE is an ARM id, a group's name, or subscription (the default)")
	add.Flags().StringArrayVar(&directoryRoles, "directory-role", nil, "a directory role's name or template id")
	cmd.AddCommand(add)
	return cmd
}

// principalAdded says how the principal is used. The local Azure has kept the
// credential of a new one itself, before there was the principal.
func (a *app) principalAdded(c localazure.Credential) {
	what := "has the roles"
	if c.New {
		what = "is added"
	}
	a.printer.Say("%s %s; use it with --as %s", c.Name, what, c.Name)
}

// parseRole reads ROLE[@SCOPE]; the scope is an ARM id, a group's name, or
// subscription.
func parseRole(s, subscription string) localazure.Role {
	role, scope, _ := strings.Cut(s, "@")
	switch {
	case scope == "" || scope == "subscription":
		scope = "/subscriptions/" + subscription
	case !strings.HasPrefix(scope, "/"):
		scope = "/subscriptions/" + subscription + "/resourceGroups/" + scope
	}
	return localazure.Role{Role: role, Scope: scope}
}
