#!/bin/sh
# The privileged part of `kars up` for the cluster kars: resource group, registrations,
# foundation, and every role assignment. Whoever runs kars-deployer.sh afterwards needs
# Contributor at the resource group, which the last part of this script gives, and no more.
# Review it, then run it signed in as an owner of the subscription. It may be run again.
set -eu

assignee='33333333-3333-3333-3333-333333333333'
assignee_type='User'
subscription='11111111-1111-1111-1111-111111111111'
group='kars-eastus2'

# What was just made is not known everywhere at once: what refers to it is tried again.
again() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 10 ] || return 1
    sleep "${KARS_POLL_SECONDS:-10}"
  done
}

# 1. The resource group. One that is there already is used as it is.
if [ "$(az group exists --subscription "$subscription" --name "$group")" = false ]; then
  az group create --subscription "$subscription" --name "$group" --location 'eastus2' --tags 'kars-cluster=kars' 'kars-managed=true' --output none
fi

# 2. Registrations. What is registered already stays so.
# Microsoft.Compute/EncryptionAtHost: the sandboxes' nodes encrypt their disks at the host
feature_registered() { [ "$(az feature show --subscription "$subscription" --namespace 'Microsoft.Compute' --name 'EncryptionAtHost' --query properties.state --output tsv)" = Registered ]; }
if ! feature_registered; then
  az feature register --subscription "$subscription" --namespace 'Microsoft.Compute' --name 'EncryptionAtHost' --output none
  echo 'waiting for Microsoft.Compute/EncryptionAtHost, which takes 5 to 15 minutes' >&2
  tries=0
  until feature_registered; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || { echo 'Microsoft.Compute/EncryptionAtHost is still not registered: run this again later' >&2; exit 1; }
    sleep "${KARS_POLL_SECONDS:-30}"
  done
  az provider register --subscription "$subscription" --namespace 'Microsoft.Compute' --wait
fi
az provider register --subscription "$subscription" --namespace 'Microsoft.Compute' --wait # the cluster's nodes

# 3. The foundation: a role can be given only at what is there, and to who is there.
template=$(mktemp)
trap 'rm -f "$template"' EXIT
cat >"$template" <<'EOF'
{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "resources": [
    {
      "apiVersion": "2023-07-01",
      "location": "eastus2",
      "name": "karsovdqgi",
      "properties": {
        "adminUserEnabled": false,
        "anonymousPullEnabled": false
      },
      "sku": {
        "name": "Standard"
      },
      "tags": {
        "kars-cluster": "kars",
        "kars-managed": "true"
      },
      "type": "Microsoft.ContainerRegistry/registries"
    }
  ]
}
EOF
az deployment group create --subscription "$subscription" --resource-group "$group" \
  --name 'kars-foundation' --template-file "$template" --output none

# 4. The roles of the cluster's own identities.
# kubelet identity
identity_1=$(az identity show --ids '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/kars-eastus2/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kars-kubelet' --query principalId --output tsv)
# AcrPull for the kubelet identity: nodes pull images from the registry
again az role assignment create --assignee-object-id "$identity_1" --assignee-principal-type 'ServicePrincipal' \
  --role '7f951dda-4ed3-4680-a7ca-43fe172d538d' --scope '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/kars-eastus2/providers/Microsoft.ContainerRegistry/registries/karsovdqgi' --output none
# controller identity
identity_2=$(az identity show --ids '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/kars-eastus2/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kars-controller' --query principalId --output tsv)
# Role Based Access Control Administrator for the controller identity: the controller lets each agent identity read its secrets
again az role assignment create --assignee-object-id "$identity_2" --assignee-principal-type 'ServicePrincipal' \
  --condition-version 2.0 --condition '((!(ActionMatches{'\''Microsoft.Authorization/roleAssignments/write'\''})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {4633458b-17de-408a-b874-0445c86b69e6} AND @Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'\''ServicePrincipal'\''})) AND ((!(ActionMatches{'\''Microsoft.Authorization/roleAssignments/delete'\''})) OR (@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {4633458b-17de-408a-b874-0445c86b69e6} AND @Resource[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'\''ServicePrincipal'\''}))' \
  --role 'f58310d9-a9f6-439a-9e8d-f62e7b41a168' --scope '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/kars-eastus2/providers/Microsoft.KeyVault/vaults/kars-kv-ovdqgi' --output none

# 5. What is left for ada@example.org (user 33333333-3333-3333-3333-333333333333).
# Contributor: makes the cluster; may give no role
again az role assignment create --assignee-object-id "$assignee" --assignee-principal-type "$assignee_type" \
  --role 'b24988ac-6180-42a0-ab88-20f7382dd24c' --scope '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/kars-eastus2' --output none

# 6. Trust with Entra is the directory's, not the subscription's. It can be set up once the
# cluster is there, by whoever holds the right, and with Contributor at the group:
# kars mesh setup-trust
# - an administrator gives the directory role Agent ID Developer (adb2368d-a9be-41b5-8667-d96778e081b0) at https://entra.microsoft.com, Identity, Roles & admins
# - whoever is eligible for it activates it at https://portal.azure.com, Privileged Identity Management, My roles, Microsoft Entra roles
# - without it the sandboxes run in the anonymous tier, and `kars mesh setup-trust` completes trust later, by whoever holds the role
