# Gives ada@example.org (user 33333333-3333-3333-3333-333333333333) what `kars up` needs of /subscriptions/11111111-1111-1111-1111-111111111111, and no more.

variable "principal_id" {
  description = "Object id of whoever runs kars up."
  type        = string
  default     = "33333333-3333-3333-3333-333333333333"
}

variable "principal_type" {
  description = "User, Group or ServicePrincipal."
  type        = string
  default     = "User"
}

resource "azurerm_role_definition" "kars_deployer" {
  name        = "kars Deployer"
  scope       = "/subscriptions/11111111-1111-1111-1111-111111111111"
  description = "Minimal role to run 'kars up' end-to-end"

  permissions {
    actions = [
      # give the kubelet identity AcrPull: nodes pull images from the registry
      # give the controller identity Role Based Access Control Administrator: the controller lets each agent identity read its secrets
      "Microsoft.Authorization/roleAssignments/write",
      # register Microsoft.Compute: the cluster's nodes
      "Microsoft.Compute/register/action",
      # proves that the region offers the nodes' sizes
      "Microsoft.Compute/skus/read",
      # make the registry
      "Microsoft.ContainerRegistry/registries/write",
      # register Microsoft.Compute/EncryptionAtHost: the sandboxes' nodes encrypt their disks at the host
      "Microsoft.Features/providers/features/register/action",
      # make the resource group
      "Microsoft.Resources/subscriptions/resourceGroups/write",
    ]
  }

  assignable_scopes = [
    "/subscriptions/11111111-1111-1111-1111-111111111111",
  ]
}

resource "azurerm_role_assignment" "kars_deployer" {
  for_each = toset([
    "/subscriptions/11111111-1111-1111-1111-111111111111",
  ])

  scope              = each.value
  role_definition_id = azurerm_role_definition.kars_deployer.role_definition_resource_id
  principal_id       = var.principal_id
  principal_type     = var.principal_type
  condition          = "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {7f951dda-4ed3-4680-a7ca-43fe172d538d, f58310d9-a9f6-439a-9e8d-f62e7b41a168} AND @Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'})) AND ((!(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})) OR (@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {7f951dda-4ed3-4680-a7ca-43fe172d538d, f58310d9-a9f6-439a-9e8d-f62e7b41a168} AND @Resource[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}))"
  condition_version  = "2.0"
}
