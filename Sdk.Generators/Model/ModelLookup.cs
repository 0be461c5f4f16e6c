namespace Nixl.Sdk.Generators.Model;

/// <summary>The one file that a layout names, or why there is none. Only this reaches the layout, so that other files do not concern it.</summary>
/// <param name="Config">What the file says, or null.</param>
/// <param name="Failure">Why it says nothing, or null.</param>
internal sealed record ModelLookup(ModelConfig? Config, ModelFailure? Failure)
{
    /// <summary>For a layout that names no file.</summary>
    public static ModelLookup None { get; } = new(null, null);
}
