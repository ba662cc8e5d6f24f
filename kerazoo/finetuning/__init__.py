"""Fine-tuning on user data."""
