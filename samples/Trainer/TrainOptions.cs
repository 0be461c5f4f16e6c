namespace Nixl.Sdk.Samples.Trainer;

/// <summary>How to train. The schedule follows the clock, so that a run ends when it was told to.</summary>
internal sealed record TrainOptions(
    string Output, TimeSpan Budget, double PeakRate, int BatchTokens, int Context, int LongContext, int Threads, int Seed, long MaxSteps);
