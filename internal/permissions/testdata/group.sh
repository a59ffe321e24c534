#!/bin/sh
# Gives ada@example.org (user 33333333-3333-3333-3333-333333333333) what `kars up` needs of /subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/kars-eastus2, and no more.
# Review it, then run it signed in as somebody who may define and assign roles there,
# as Owner or User Access Administrator. It may be run again.
set -eu

assignee='33333333-3333-3333-3333-333333333333'
assignee_type='User'
subscription='11111111-1111-1111-1111-111111111111'
role_name='kars Deployer'
# What each right is for:
# - Microsoft.ContainerRegistry/registries/write: make the registry
# - Microsoft.Authorization/roleAssignments/write: give the kubelet identity AcrPull: nodes pull images from the registry
# - Microsoft.Authorization/roleAssignments/write: give the controller identity Role Based Access Control Administrator: the controller lets each agent identity read its secrets
definition=$(cat <<'EOF'
{
  "Name": "kars Deployer",
  "Description": "Minimal role to run 'kars up' end-to-end",
  "IsCustom": true,
  "Actions": [
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.ContainerRegistry/registries/write"
  ],
  "NotActions": [],
  "DataActions": [],
  "NotDataActions": [],
  "AssignableScopes": [
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/kars-eastus2"
  ]
}
EOF
)

# What was just made is not known everywhere at once: what refers to it is tried again.
again() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 10 ] || return 1
    sleep "${KARS_POLL_SECONDS:-10}"
  done
}

role=$(az role definition list --subscription "$subscription" --custom-role-only true --name "$role_name" --query '[0].name' --output tsv)
if [ -z "$role" ]; then
  role=$(az role definition create --subscription "$subscription" --role-definition "$definition" --query name --output tsv)
else
  az role definition update --subscription "$subscription" --role-definition "$definition" --output none
fi

again az role assignment create --assignee-object-id "$assignee" --assignee-principal-type "$assignee_type" \
  --role "$role" --scope '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/kars-eastus2' --output none

# Not part of the role:
# - Microsoft.Compute/skus/read at /subscriptions/11111111-1111-1111-1111-111111111111: proves that the region offers the nodes' sizes
# - an administrator gives the directory role Agent ID Developer (adb2368d-a9be-41b5-8667-d96778e081b0) at https://entra.microsoft.com, Identity, Roles & admins
# - whoever is eligible for it activates it at https://portal.azure.com, Privileged Identity Management, My roles, Microsoft Entra roles
# - without it the sandboxes run in the anonymous tier, and `kars mesh setup-trust` completes trust later, by whoever holds the role
