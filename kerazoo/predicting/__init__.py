"""Predictions and generated images of trained models."""
