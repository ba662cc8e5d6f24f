"""What a trained model is worth: metrics, naive baselines, pictures."""
