namespace Nixl.Sdk;

/// <summary>A failure as the core reports it, before it becomes an exception. Cold paths only.</summary>
internal readonly record struct NixlErrorDetails(
    NixlStatus Status, string Text, string? Peer = null, long? Entry = null, ulong? Address = null, ulong? Length = null,
    int SystemError = 0);
