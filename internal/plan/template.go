package plan

// Deployment is an ARM template deployment at the resource group's scope.
type Deployment struct {
	Name     string
	Template Tree
}

// Deployment renders what a step makes as one template: literals and dependsOn,
// no expressions and no parameters; ids are read back by GET.
func (p *Plan) Deployment(s Step) Deployment {
	var resources []any
	inside := map[string]bool{}
	for _, r := range p.Of(s) {
		inside[r.ID] = true
	}
	for _, r := range p.Of(s) {
		t := Tree{"type": r.Type, "apiVersion": r.APIVersion, "name": r.Name}
		for k, v := range r.Body {
			t[k] = v
		}
		var depends []any
		for _, id := range r.DependsOn {
			if inside[id] {
				depends = append(depends, id)
			}
		}
		if depends != nil {
			t["dependsOn"] = depends
		}
		resources = append(resources, t)
	}
	return Deployment{
		Name: "kars-" + string(s),
		Template: Tree{
			"$schema":        "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
			"contentVersion": "1.0.0.0",
			"resources":      resources,
		},
	}
}
