namespace Nixl.Sdk.Generators.Model;

/// <summary>An additional file that may be a model's config.json, read once. Compared by value: the same content is the same file.</summary>
/// <param name="Path">Its path as the compiler knows it.</param>
/// <param name="Config">What it says, or null.</param>
/// <param name="Failure">Why it says nothing, or null.</param>
internal sealed record ModelFile(string Path, ModelConfig? Config, ModelFailure? Failure);
