// Gives ada@example.org (user 33333333-3333-3333-3333-333333333333) what `kars up` needs of /subscriptions/11111111-1111-1111-1111-111111111111, and no more.
//   az deployment sub create --subscription 11111111-1111-1111-1111-111111111111 --location <region> --template-file kars-deployer.bicep
targetScope = 'subscription'

@description('Object id of whoever runs kars up.')
param principalId string = '33333333-3333-3333-3333-333333333333'

@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'User'

var actions = [
  // give the kubelet identity AcrPull: nodes pull images from the registry
  // give the controller identity Role Based Access Control Administrator: the controller lets each agent identity read its secrets
  'Microsoft.Authorization/roleAssignments/write'
  // register Microsoft.Compute: the cluster's nodes
  'Microsoft.Compute/register/action'
  // proves that the region offers the nodes' sizes
  'Microsoft.Compute/skus/read'
  // make the registry
  'Microsoft.ContainerRegistry/registries/write'
  // register Microsoft.Compute/EncryptionAtHost: the sandboxes' nodes encrypt their disks at the host
  'Microsoft.Features/providers/features/register/action'
  // make the resource group
  'Microsoft.Resources/subscriptions/resourceGroups/write'
]

var dataActions = []

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, 'kars Deployer')
  properties: {
    roleName: 'kars Deployer'
    description: 'Minimal role to run \'kars up\' end-to-end'
    type: 'CustomRole'
    permissions: [
      {
        actions: actions
        notActions: []
        dataActions: dataActions
        notDataActions: []
      }
    ]
    assignableScopes: [
      subscription().id
    ]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, role.id)
  properties: {
    roleDefinitionId: role.id
    principalId: principalId
    principalType: principalType
    condition: '((!(ActionMatches{\'Microsoft.Authorization/roleAssignments/write\'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {7f951dda-4ed3-4680-a7ca-43fe172d538d, f58310d9-a9f6-439a-9e8d-f62e7b41a168} AND @Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {\'ServicePrincipal\'})) AND ((!(ActionMatches{\'Microsoft.Authorization/roleAssignments/delete\'})) OR (@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {7f951dda-4ed3-4680-a7ca-43fe172d538d, f58310d9-a9f6-439a-9e8d-f62e7b41a168} AND @Resource[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {\'ServicePrincipal\'}))'
    conditionVersion: '2.0'
  }
}
