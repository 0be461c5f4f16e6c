namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>How an engine starts.</summary>
/// <param name="Role">Its part.</param>
/// <param name="Agent">Name of its agent.</param>
/// <param name="Model">Folder of the model.</param>
/// <param name="Transport">The only transport it may use.</param>
/// <param name="Blocks">Blocks of its pool.</param>
/// <param name="Seed">Decides the order in which blocks are handed out.</param>
/// <param name="Timeout">Deadline of one transfer, and of connecting.</param>
internal sealed record EngineOptions(
    EngineRole Role, string Agent, string Model, NixlTransports Transport, int Blocks, int Seed, TimeSpan Timeout);
