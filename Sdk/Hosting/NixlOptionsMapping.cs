using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Hosting;

/// <summary>From what configuration says to what an agent takes.</summary>
internal static class NixlOptionsMapping
{
    public static NixlAgentOptions ToAgentOptions(NixlOptions options, ReadOnlyMemory<byte> key) => new()
    {
        Name = options.Name,
        Transports = options.Transports,
        ListenHost = options.ListenHost,
        AdvertiseHost = options.AdvertiseHost,
        ListenPort = options.ListenPort,
        MaxTransfers = options.MaxTransfers,
        MaxNotifications = options.MaxNotifications,
        DefaultTimeout = options.DefaultTimeout,
        SuspectAfter = options.SuspectAfter,
        QuiesceGrace = options.QuiesceGrace,
        Spin = options.Spin,
        WindowBytes = options.WindowBytes,
        WindowOperations = options.WindowOperations,
        ChunkBytes = options.ChunkBytes,
        Packing = options.Packing,
        PackingPieceBytes = options.PackingPieceBytes,
        StagingBytes = options.StagingBytes,
        CopierThreads = options.CopierThreads,
        FabricLibrary = options.FabricLibrary,
        FabricProvider = options.FabricProvider,
        FabricRails = options.FabricRails,
        Metadata = new MetadataOptions
        {
            Key = key,
            Lifetime = options.Metadata.Lifetime,
            ClockSkew = options.Metadata.ClockSkew,
            Audience = options.Metadata.Audience,
            MaxBytes = options.Metadata.MaxBytes,
        },
    };
}
