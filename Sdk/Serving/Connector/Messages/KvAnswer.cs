namespace Nixl.Sdk.Serving;

/// <summary>Whether a request, or an offer, would be taken. Goes over the wire.</summary>
internal enum KvAnswer : byte
{
    /// <summary>It would.</summary>
    Yes = 0,

    /// <summary>The pool has no producer, or no consumer: not in this role of the engine.</summary>
    NoRole = 1,

    /// <summary>The asking pool is not known to it yet.</summary>
    NotYet = 2,
}
