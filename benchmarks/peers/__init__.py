"""What a user would pick instead. These scripts run in an environment of their own and import nothing of ours."""
