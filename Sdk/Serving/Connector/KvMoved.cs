namespace Nixl.Sdk.Serving;

/// <summary>What one rank of a source has moved of a prompt's cache, as who moved it has measured.</summary>
/// <param name="Bytes">Bytes that were written or read.</param>
/// <param name="Time">While at least one of its transfers was on its way: without the time in which the next layer was computed.</param>
public readonly record struct KvMoved(long Bytes, TimeSpan Time);
