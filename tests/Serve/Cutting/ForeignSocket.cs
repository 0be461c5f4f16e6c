using System.Buffers.Binary;
using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Nixl.Sdk.Serve;

/// <summary>
/// A second descriptor of a socket that is another process's. What is done with it meets the socket itself, whoever holds it; closing it does not.
/// </summary>
/// <remarks>
/// pidfd_getfd (Linux 5.6) makes it, for whom the kernel would let debug that process: root, and a parent where nothing forbids it. Not
/// <see cref="System.Net.Sockets.Socket"/>, which sets options of the sockets that it is given.
/// </remarks>
internal sealed partial class ForeignSocket : IDisposable
{
    // The same on every architecture.
    private const long PidfdOpen = 434, PidfdGetfd = 438;
    private const int Unix = 1, Inet = 2, Inet6 = 10, SocketLevel = 1, Type = 3, KeepAlive = 9, Stream = 1, TcpLevel = 6, TcpInfo = 11, Established = 1, BothWays = 2;
    private const string LinkStart = "socket:[";

    private readonly SafeFileHandle _handle;

    private ForeignSocket(SafeFileHandle handle) => _handle = handle;

    /// <summary>
    /// Whether it is a connection between two processes: of TCP one that is established, of a Unix socket one with an abstract name. Not a listener, nor
    /// a pair of sockets without names that a process has with itself.
    /// </summary>
    internal bool IsConnection => Option(SocketLevel, Type) == Stream && Name(own: false) is not null
        && (LocalPort > 0 ? (Option(TcpLevel, TcpInfo) & 0xff) == Established : AbstractName.Length > 0); // the state is the first byte of what is told

    /// <summary>TCP's; 0 of other sockets.</summary>
    internal int LocalPort => Port(own: true);

    /// <inheritdoc cref="LocalPort"/>
    internal int RemotePort => Port(own: false);

    /// <summary>The abstract name of either end of a Unix socket; empty of others.</summary>
    internal string AbstractName => AbstractNameOf(own: true) is { Length: > 0 } name ? name : AbstractNameOf(own: false);

    /// <summary>Whether the kernel looks after connections on which nothing is said (SO_KEEPALIVE).</summary>
    internal bool IsKeptAlive => Option(SocketLevel, KeepAlive) == 1;

    /// <summary>The sockets of a process; dispose each. Those that it closes meanwhile are left out.</summary>
    /// <exception cref="Win32Exception">The kernel does not allow it (EPERM), or is too old (ENOSYS).</exception>
    internal static IEnumerable<ForeignSocket> Of(int process)
    {
        using var pidfd = Open(process);
        if (pidfd is null) yield break;
        foreach (var link in Links(process))
        {
            if (Duplicate(pidfd, link.Descriptor) is not { } socket) continue;
            // Its number may be another file's by now.
            if (LinkOf($"/proc/self/fd/{socket._handle.DangerousGetHandle()}") == link.Target) yield return socket;
            else socket.Dispose();
        }
    }

    /// <summary>Ends the connection in both directions: both processes see its end in the middle of whatever was said.</summary>
    /// <returns>False if it had ended already.</returns>
    internal bool Cut() => Shutdown(_handle, BothWays) == 0;

    public void Dispose() => _handle.Dispose();

    private static SafeFileHandle? Open(int process)
    {
        var descriptor = Syscall(PidfdOpen, process, 0, 0);
        if (descriptor >= 0) return new SafeFileHandle((nint)descriptor, ownsHandle: true);
        const int NoSuchProcess = 3;
        return Marshal.GetLastPInvokeError() == NoSuchProcess ? null : throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    private static ForeignSocket? Duplicate(SafeFileHandle pidfd, int descriptor)
    {
        var copy = Syscall(PidfdGetfd, pidfd.DangerousGetHandle(), descriptor, 0);
        if (copy >= 0) return new ForeignSocket(new SafeFileHandle((nint)copy, ownsHandle: true));
        const int NoSuchProcess = 3, BadDescriptor = 9;
        return Marshal.GetLastPInvokeError() is NoSuchProcess or BadDescriptor ? null : throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    private static List<(int Descriptor, string Target)> Links(int process)
    {
        var links = new List<(int, string)>();
        try
        {
            foreach (var path in Directory.GetFiles($"/proc/{process}/fd"))
                if (LinkOf(path) is { } target && target.StartsWith(LinkStart, StringComparison.Ordinal)) links.Add((int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture), target));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process has ended.
        }
        return links;
    }

    private static string? LinkOf(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // closed meanwhile
        }
    }

    private int Port(bool own) => Name(own) is { Length: >= 4 } name && Family(name) is Inet or Inet6 ? BinaryPrimitives.ReadUInt16BigEndian(name.AsSpan(2)) : 0;

    // Abstract names begin with a zero byte where a path would begin.
    private string AbstractNameOf(bool own) => Name(own) is { Length: > 3 } name && Family(name) == Unix && name[2] == 0 ? Encoding.UTF8.GetString(name.AsSpan(3)) : "";

    private static int Family(byte[] name) => BitConverter.ToUInt16(name);

    private byte[]? Name(bool own)
    {
        var name = new byte[128]; // sockaddr_storage
        var size = name.Length;
        return (own ? GetSockName(_handle, name, ref size) : GetPeerName(_handle, name, ref size)) == 0 ? name[..Math.Min(size, name.Length)] : null;
    }

    private int Option(int level, int option)
    {
        var size = sizeof(int);
        return GetSockOpt(_handle, level, option, out var value, ref size) == 0 ? value : -1;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long Syscall(long number, long first, long second, long third);

    [LibraryImport("libc", EntryPoint = "getsockname", SetLastError = true)]
    private static partial int GetSockName(SafeFileHandle socket, [Out] byte[] name, ref int size);

    [LibraryImport("libc", EntryPoint = "getpeername", SetLastError = true)]
    private static partial int GetPeerName(SafeFileHandle socket, [Out] byte[] name, ref int size);

    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    private static partial int GetSockOpt(SafeFileHandle socket, int level, int option, out int value, ref int size);

    [LibraryImport("libc", EntryPoint = "shutdown", SetLastError = true)]
    private static partial int Shutdown(SafeFileHandle socket, int how);
}
