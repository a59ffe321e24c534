// Gives ada@example.org (user 33333333-3333-3333-3333-333333333333) what `kars up` needs of /subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/kars-eastus2, and no more.
//   az deployment group create --subscription 11111111-1111-1111-1111-111111111111 --resource-group 'kars-eastus2' --template-file kars-deployer.bicep
targetScope = 'resourceGroup'

@description('Object id of whoever runs kars up.')
param principalId string = '33333333-3333-3333-3333-333333333333'

@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'User'

var actions = [
  // give the kubelet identity AcrPull: nodes pull images from the registry
  // give the controller identity Role Based Access Control Administrator: the controller lets each agent identity read its secrets
  'Microsoft.Authorization/roleAssignments/write'
  // make the registry
  'Microsoft.ContainerRegistry/registries/write'
]

var dataActions = []

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'kars Deployer')
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
      resourceGroup().id
    ]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, role.id)
  properties: {
    roleDefinitionId: role.id
    principalId: principalId
    principalType: principalType
  }
}
