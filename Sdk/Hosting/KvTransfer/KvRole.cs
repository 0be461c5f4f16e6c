namespace Nixl.Sdk.Hosting;

/// <summary>What an engine does with caches: <c>kv_role</c>.</summary>
[Flags]
public enum KvRole
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary><c>kv_producer</c>: it prefills and gives.</summary>
    Producer = 1,

    /// <summary><c>kv_consumer</c>: it gets and decodes.</summary>
    Consumer = 2,

    /// <summary><c>kv_both</c>.</summary>
    Both = Producer | Consumer,
}
