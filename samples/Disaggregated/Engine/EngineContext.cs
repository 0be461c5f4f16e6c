using Nixl.Sdk.Metadata;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>What an engine works with. The host owns all of it.</summary>
internal sealed record EngineContext(
    EngineOptions Options, NixlAgent Agent, KvPool<KjvBytesKv> Pool, DirectMetadataExchange Exchange, ModelHandle Model, EngineChannel Channel);
