namespace Nixl.Sdk.Planning;

/// <summary>A dimension that both sides step through: how often, and how far on each.</summary>
/// <param name="Count">Steps, at least 2.</param>
/// <param name="Source">Bytes of one step at the source.</param>
/// <param name="Target">Bytes of one step at the target.</param>
internal readonly record struct ReshardLoop(long Count, long Source, long Target);
