#!/bin/sh
# Record what the huge page functions of this kernel do while a command runs: ftrace and kprobe events. Needs root.
# POSIX sh and awk; dash and busybox will do. Where it looks can be changed for tests: HUGETRACE_TRACEFS,
# HUGETRACE_SYSFS, HUGETRACE_PROC.

set -u
LC_ALL=C
export LC_ALL

SYSFS=${HUGETRACE_SYSFS:-/sys}
PROC=${HUGETRACE_PROC:-/proc}
GROUP=hugetrace
FAILED=125 # the recipe itself failed; anything else is the command's own exit status

# A function's 3.10 name: what it was called later, the newest first. A kernel that has two of them at once
# (dequeue_huge_page_vma calls dequeue_huge_page_nodemask) does the work in the newer one.
NAMES='
hugetlbfs_create:
hugetlbfs_mknod:
hugetlbfs_get_inode:
hugetlbfs_setattr:
hugetlbfs_fallocate:
hugetlbfs_file_mmap:
hugetlbfs_evict_inode:
hugetlb_file_setup:
hugetlb_get_unmapped_area:
hugetlb_reserve_pages:
hugetlb_unreserve_pages:
hugetlb_acct_memory:
gather_surplus_pages:
return_unused_surplus_pages:
hugepage_subpool_get_pages:
hugepage_subpool_put_pages:
resv_map_alloc:
resv_map_release:
region_chg:
region_add:
region_del:
region_truncate:
region_count:
__vma_reservation_common: vma_needs_reservation
vma_has_reserves:
hugetlb_fault:
hugetlb_no_page:
hugetlb_cow: hugetlb_wp
unmap_ref_private:
alloc_huge_page: alloc_hugetlb_folio
dequeue_huge_page_vma: dequeue_hugetlb_folio_nodemask dequeue_huge_page_nodemask
alloc_buddy_huge_page: alloc_surplus_hugetlb_folio alloc_surplus_huge_page __alloc_buddy_huge_page
huge_add_to_page_cache: hugetlb_add_to_page_cache
copy_hugetlb_page_range:
hugetlb_vm_op_open:
hugetlb_vm_op_close:
__unmap_hugepage_range:
__unmap_hugepage_range_final:
hugetlb_vmtruncate: hugetlb_vmdelete_list
truncate_hugepages: remove_inode_hugepages
free_huge_page: free_huge_folio
enqueue_huge_page: enqueue_hugetlb_folio
update_and_free_page: __update_and_free_hugetlb_folio update_and_free_hugetlb_folio __update_and_free_page
set_max_huge_pages:
hugetlb_report_meminfo:
kobj_to_hstate:
'

# event, when (p: it is called, r: it returns), its function's 3.10 name, modes. What is read: see arguments.
PROBES='
create          p hugetlbfs_create             full kprobe
get_inode       p hugetlbfs_get_inode          kprobe
mmap            p hugetlbfs_file_mmap          full kprobe
mmap_ret        r hugetlbfs_file_mmap          kprobe
reserve         p hugetlb_reserve_pages        full kprobe
reserve_ret     r hugetlb_reserve_pages        full kprobe
acct            p hugetlb_acct_memory          full kprobe
acct_ret        r hugetlb_acct_memory          kprobe
ret_unused      p return_unused_surplus_pages  full kprobe
region_chg      p region_chg                   kprobe
region_chg_ret  r region_chg                   kprobe
region_add      p region_add                   kprobe
region_add_ret  r region_add                   kprobe
region_del      p region_del                   kprobe
region_del_ret  r region_del                   kprobe
region_truncate p region_truncate              kprobe
region_truncate_ret r region_truncate          kprobe
fault           p hugetlb_fault                full kprobe
fault_ret       r hugetlb_fault                full kprobe
cow             p hugetlb_cow                  full kprobe
alloc           p alloc_huge_page              full kprobe
alloc_ret       r alloc_huge_page              full kprobe
dequeue         r dequeue_huge_page_vma        kprobe
buddy_alloc     r alloc_buddy_huge_page        full kprobe
copy_range      p copy_hugetlb_page_range      full kprobe
vma_open        p hugetlb_vm_op_open           full kprobe
unmap_final     p __unmap_hugepage_range_final kprobe
unmap           p __unmap_hugepage_range       kprobe
vma_close       p hugetlb_vm_op_close          full kprobe
vma_close_ret   r hugetlb_vm_op_close          full kprobe
evict           p hugetlbfs_evict_inode        full kprobe
evict_ret       r hugetlbfs_evict_inode        full kprobe
truncate        p truncate_hugepages           kprobe
free            p free_huge_page               full kprobe
free_ret        r free_huge_page               full kprobe
update_and_free p update_and_free_page         full kprobe
unreserve       p hugetlb_unreserve_pages      full kprobe
unreserve_ret   r hugetlb_unreserve_pages      full kprobe
set_max         p set_max_huge_pages           full kprobe
'

usage() {
    cat <<'END'
usage: hugetrace.sh [-m MODE] [-o FILE] [-b KB] [--dry-run] COMMAND [ARG...]

Runs COMMAND and records what the kernel's huge page functions do for it and its children. Needs root.

  -m MODE    full        function_graph of the huge page functions, and kprobe events with the pool's counters (default)
             kprobe      kprobe events only, more of them
             graph       function_graph only
             function    which function was called by which, no more
             tracepoint  the hugetlbfs tracepoints, which only newer kernels have
  -o FILE    the log (default hugetrace.txt); it must not exist
  -b KB      the trace buffer of each processor; more when the log says that events were lost
  --dry-run  print what would be written where, and change nothing

It writes to tracefs and to FILE, nothing else, and takes back what it wrote to tracefs, also after Ctrl-C. COMMAND may
write marks to the file that $HUGETRACE_MARKER names. Exit status: that of COMMAND; 125 if nothing was recorded.
Then: hugelab trace FILE
END
}

say() { printf 'hugetrace: %s\n' "$1" >&2; }

refuse() { # what is wrong, what to do
    say "$1: $2"
    exit "$FAILED"
}

# -- writing, and taking it back ---------------------------------------------------------------------------

put() { # FILE VALUE, which replaces what FILE has
    if [ "$dry" = 1 ]; then
        printf "echo '%s' > %s\n" "$2" "$1"
    else
        printf '%s\n' "$2" 2>/dev/null >"$1"
    fi
}

add() { # FILE VALUE, which is added to what FILE has: kprobe_events forgets everybody's probes on a plain >
    if [ "$dry" = 1 ]; then
        printf "echo '%s' >> %s\n" "$2" "$1"
    else
        printf '%s\n' "$2" 2>/dev/null >>"$1"
    fi
}

try() { # FILE VALUE: written where the kernel has such a file and takes the value
    [ ! -e "$1" ] || put "$1" "$2" 2>/dev/null
}

# What was found in the files of the top instance, before the first write. An own instance just goes.
# Reading a list that is empty gives a sentence ("no pid", "#### all functions enabled ####").
keep() {
    kept_tracer=$(cat "$at/current_tracer")
    kept_on=$(cat "$at/tracing_on")
    kept_filter=$(grep -v '^#' "$at/set_ftrace_filter" 2>/dev/null)
    kept_pid=$(grep '^[0-9]' "$at/set_ftrace_pid" 2>/dev/null)
    kept_event_pid=$(grep '^[0-9]' "$at/set_event_pid" 2>/dev/null)
    kept_size=$(sed 's/ .*//' "$at/buffer_size_kb" 2>/dev/null)
}

put_list() { # FILE VALUES, one a line
    [ -e "$1" ] || return 0
    put "$1" ''
    printf '%s\n' "$2" | while read -r value; do
        [ -z "$value" ] || add "$1" "$value"
    done
}

option() { # NAME, or noNAME: a trace option; the opposite is remembered if that is what it was
    case $1 in no*) opposite=${1#no} ;; *) opposite=no$1 ;; esac
    if grep -qx "$opposite" "$at/trace_options" 2>/dev/null; then
        changed="$opposite $changed"
        put "$at/trace_options" "$1"
    fi
}

own_probes() { sed -n "s/^[pr][0-9]*:\($GROUP\/[^ ]*\).*/\1/p" "$tracefs/kprobe_events" 2>/dev/null; }

# The events must be off before their probes can go, the tracer before its filters, the options before the tracer.
take_back() {
    [ "$begun" = 1 ] || return 0
    begun=0
    trap '' INT TERM HUP
    put "$at/tracing_on" 0
    for word in $changed; do
        put "$at/trace_options" "$word"
    done
    put "$at/current_tracer" nop
    for group in "$GROUP" hugetlbfs; do
        [ "$group" = hugetlbfs ] && [ "$mode" != tracepoint ] && continue
        try "$at/events/$group/enable" 0
        [ -n "$instance" ] || [ -e "$at/set_event_pid" ] || try "$at/events/$group/filter" 0
    done
    if [ -n "$instance" ]; then
        rmdir "$at" || say "$at stays: rmdir it"
    else
        put_list "$at/set_ftrace_filter" "$kept_filter"
        put_list "$at/set_ftrace_pid" "$kept_pid"
        put_list "$at/set_event_pid" "$kept_event_pid"
        [ -z "$size" ] || [ -z "$kept_size" ] || try "$at/buffer_size_kb" "$kept_size"
        put "$at/current_tracer" "$kept_tracer"
        put "$at/trace" ''
        put "$at/tracing_on" "$kept_on"
    fi
    for probe in $(own_probes); do
        add "$tracefs/kprobe_events" "-:$probe"
    done
}

leave() { # at every end, wanted or not
    take_back
    [ "$written" = 1 ] || [ -z "$made" ] || rm -f "$made"
}

# -- what this kernel has ----------------------------------------------------------------------------------

at_least() { # MAJOR MINOR
    [ "$major" -gt "$1" ] || { [ "$major" -eq "$1" ] && [ "$minor" -ge "$2" ]; }
}

# What the compiler makes of a function has a suffix: .part.0, .isra.0, .constprop.0. Cold parts are never entered.
list_functions() {
    wanted=$(printf '%s\n' "$NAMES" | tr ':' ' ')
    {
        cat "$PROC/kallsyms" 2>/dev/null
        # No addresses and types here, and the name of a module behind.
        awk '{ print 0, "t", $1 }' "$tracefs/available_filter_functions" 2>/dev/null
    } | awk -v wanted="$wanted" '
        BEGIN { split(wanted, names); for (i in names) want[names[i]] = 1 }
        NF == 3 && ($2 == "t" || $2 == "T") {
            base = $3
            sub(/[.].*/, "", base)
            if (base in want && $3 !~ /[.]cold/ && !seen[$3]++) print $3
        }'
}

variants() { # FUNCTION: it and what the compiler made of it
    for found in $functions; do
        case $found in "$1" | "$1".*) printf '%s\n' "$found" ;; esac
    done
}

# Where a part was split off, callers in the same file jump into that part: it sees every call, the rest does not.
resolve() { # 3.10 NAME -> the function of this kernel to put a probe on; nothing if there is none
    for candidate in $(printf '%s\n' "$NAMES" | sed -n "s/^$1://p") "$1"; do
        all=$(variants "$candidate")
        for pattern in '[.]part[.][0-9]*$' '^[^.]*$' '[.]'; do
            one=$(printf '%s\n' "$all" | grep "$pattern" | head -n 1)
            [ -z "$one" ] || { printf '%s\n' "$one" && return; }
        done
    done
}

# Registers of the first five arguments. On i386 the fourth is the first on the stack, above the return address.
find_registers() {
    case $machine in
    i?86) registers='%ax %dx %cx $stack1 $stack2' ;;
    *)
        # shellcheck disable=SC2016
        if grep -q '\$arg<N>' "$tracefs/README" 2>/dev/null; then
            registers='$arg1 $arg2 $arg3 $arg4 $arg5'
        else
            case $machine in
            x86_64) registers='%di %si %dx %cx %r8' ;;
            aarch64) registers='%x0 %x1 %x2 %x3 %x4' ;;
            *) registers= ;;
            esac
        fi
        ;;
    esac
    # shellcheck disable=SC2086
    set -- $registers
    a1=${1-} a2=${2-} a3=${3-} a4=${4-} a5=${5-}
}

# Before 4.9 there is no x64, and u64 prints hexadecimal.
find_types() {
    x=u
    at_least 4 9 && x=x
    case $machine in
    *64 | s390x | ppc64le) word=8 hex=${x}64 dec=s64 ;;
    *) word=4 hex=${x}32 dec=s32 ;;
    esac
}

# Offset of vm_flags in vm_area_struct; vm_start and vm_end are its first two members since 3.8.
find_vm_flags() {
    vm_flags=''
    # On i386 it is after a page protection of 8 bytes with PAE, of 4 without; and with PAE huge pages have 2 MB, not 4.
    case $machine:$kilobytes in
    x86_64:* | aarch64:*) new=32 old=80 ;;
    i?86:2048) new=20 old=44 ;;
    i?86:4096) new=16 old=40 ;;
    *) new='' old='' ;;
    esac
    if at_least 6 1; then vm_flags=$new; elif at_least 3 8; then vm_flags=$old; fi
    [ -n "$vm_flags" ] || note "# left out: vm_flags: where it stands in this kernel's vm_area_struct is not known here"
}

arguments() { # EVENT FUNCTION -> what its probe reads; the same names as in hugelab's reader
    case $2 in
    *.isra.* | *.constprop.*)
        # The compiler may have taken an argument away, and all behind it moved.
        case $1 in *_ret | dequeue | buddy_alloc) ;; *) return ;; esac
        ;;
    esac
    case $1 in *_ret | dequeue | buddy_alloc) ;; *) [ -n "$a1" ] || return ;; esac
    flags=
    case $1 in
    create) if at_least 5 12; then echo "mode=$a4:${x}16"; else echo "mode=$a3:${x}16"; fi ;;
    get_inode) if at_least 6 9; then echo "mode=$a4:${x}16"; else echo "mode=$a3:${x}16"; fi ;;
    mmap | vma_open | vma_close | unmap_final)
        vma=$a1
        case $1 in mmap | unmap_final) vma=$a2 ;; esac
        [ -z "$vm_flags" ] || flags="vm_flags=+$vm_flags($vma):$hex"
        if [ "$1" = mmap ] && [ -n "$vmemmap" ]; then printf '%s ' "vmemmap=@vmemmap_base:$hex"; fi
        ! at_least 3 8 || echo "start=+0($vma):$hex end=+$word($vma):$hex $flags"
        ;;
    reserve) echo "from=$a2:$dec to=$a3:$dec vm_flags=$a5:$hex" ;;
    # int (0 or an errno), then bool, since 6.17 the number of pages. Of a bool only the last byte means anything, and
    # an errno fits into one.
    reserve_ret) if at_least 6 17; then echo "ret=\$retval:$dec"; else echo "ret=\$retval:s8"; fi ;;
    acct) echo "delta=$a2:$dec" ;;
    ret_unused) echo "n=$a2:$dec" ;;
    region_chg | region_add | region_del) echo "f=$a2:$dec t=$a3:$dec" ;;
    region_truncate) echo "end=$a2:$dec" ;;
    region_*_ret) echo "ret=\$retval:$dec" ;;
    mmap_ret | acct_ret) echo "ret=\$retval:s32" ;;
    fault)
        [ -z "$vm_flags" ] || flags="vm_flags=+$vm_flags($a2):$hex"
        echo "addr=$a3:$hex flags=$a4:${x}32 $flags"
        ;;
    fault_ret) echo "ret=\$retval:${x}32" ;;
    # The address is in a vm_fault since 6.8; which argument that is was settled in 6.12.
    cow)
        if at_least 6 12; then echo "addr=+24($a1):$hex"
        elif ! at_least 6 7; then echo "addr=$a3:$hex"; fi
        ;;
    alloc)
        case $2 in
        alloc_huge_page) echo "addr=$a2:$hex avoid_reserve=$a3:s32" ;;
        *) echo "addr=$a2:$hex" ;;
        esac
        ;;
    alloc_ret | dequeue | buddy_alloc) echo "page=\$retval:$hex" ;;
    free) echo "page=$a1:$hex" ;;
    update_and_free) echo "page=$a2:$hex" ;;
    unmap) echo "start=$a3:$hex end=$a4:$hex" ;;
    unreserve)
        if at_least 4 3; then echo "from=$a2:$dec to=$a3:$dec freed=$a4:$dec"
        else echo "offset=$a2:$dec freed=$a3:$dec"; fi
        ;;
    unreserve_ret) ! at_least 4 3 || echo "ret=\$retval:$dec" ;;
    set_max) echo "count=$a2:$dec" ;;
    esac
}

# -- the pool's counters -----------------------------------------------------------------------------------
# struct hstate has ... mask, max_huge_pages, nr_huge_pages, free_huge_pages, resv_huge_pages, surplus_huge_pages,
# nr_overcommit_huge_pages, all unsigned long and in this order in every version; what comes before them differs. So:
# one look at the struct by a probe, then the mask (~(page size - 1)) and what sysfs says of this pool must be in it.

number() { cat "$1" 2>/dev/null || echo 0; } # sysfs always has one, the file or its folder may be missing

pool_words() { # max_huge_pages (not known: any), then the counters in the order of the struct, hexadecimal
    for name in nr_hugepages free_hugepages resv_hugepages surplus_hugepages nr_overcommit_hugepages; do
        printf '%x ' "$(number "$pool/$name")"
    done
}

match() { # WORDS of memory, hexadecimal -> the offset of nr_huge_pages
    awk -v memory="$1" -v mask="$2" -v counters="$3" -v word="$word" 'BEGIN {
        n = split(memory, m)
        split(counters, c)
        for (i = 1; i + 6 <= n; i++)
            if (m[i] == mask && m[i+2] == c[1] && m[i+3] == c[2] && m[i+4] == c[3] && m[i+5] == c[4] && m[i+6] == c[5]) {
                print (i + 1) * word
                exit
            }
    }'
}

look() { # PROBE WHERE FILE: the words that one probe sees, while FILE is read
    probe="$1"
    i=0
    while [ $i -lt 100 ]; do
        # shellcheck disable=SC2059
        probe="$probe $(printf "w%d=$2:%s" $i $((${3:-0} + i * word)) "$hex")"
        i=$((i + 1))
    done
    add "$tracefs/kprobe_events" "$probe" || return 1
    put "$at/trace" ''
    put "$at/events/$GROUP/look/enable" 1
    put "$at/tracing_on" 1
    number "$4" >/dev/null
    put "$at/tracing_on" 0
    put "$at/events/$GROUP/look/enable" 0
    seen=$(grep -m 1 ' look: ' "$at/trace")
    put "$at/trace" ''
    add "$tracefs/kprobe_events" "-:$GROUP/look"
    printf '%s\n' "$seen" | tr ' ' '\n' | sed -n 's/^\(h\|w[0-9]*\)=\(0x\)*//p' | tr '\n' ' '
}

low() { printf '%s' "$1" | sed 's/.*\(........\)$/\1/'; } # dash cannot count beyond 2^63: halves of 32 bits

at_address() { # HSTATE OFFSET: how a probe reads there. By symbol, if kallsyms has it: it is the same after a reboot.
    sum=$((0x$(low "$1") + $2))
    if [ -n "$symbol" ]; then
        printf '@hstates+%d' $((sum - 0x$(low "$symbol")))
    else
        high=${1%????????}
        [ -z "$high" ] || high=$(printf '%x' $((0x$high + (sum >> 32))))
        printf '@0x%s%08x' "$high" $((sum & 0xffffffff))
    fi
}

find_counters() {
    counters=''
    [ -d "$pool" ] || { note "# left out: counters: no pool of huge pages in $SYSFS/kernel/mm/hugepages" && return; }
    symbol=$(awk '$3 == "hstates" { print $1; exit }' "$PROC/kallsyms" 2>/dev/null)
    function=$(resolve kobj_to_hstate)
    if [ -z "$symbol$function" ]; then
        note "# left out: counters: kallsyms has neither hstates (CONFIG_KALLSYMS_ALL) nor kobj_to_hstate"
        return
    fi
    if [ "$dry" = 1 ]; then
        echo "# a probe $GROUP/look finds out where the kernel has nr, free, resv and surp, and goes again; N: that place"
        counters="nr=@N:$dec free=@(N+$word):$dec resv=@(N+$((2 * word))):$dec surp=@(N+$((3 * word))):$dec"
        return
    fi
    mask=$(printf '%x' $((~(kilobytes * 1024 - 1))))
    [ "$word" = 8 ] || mask=$(low "$mask")
    found='' offset=''
    for attempt in 1 2 3; do # the pool may change between two reads
        words=$(pool_words)
        # The file of a pool asks for its hstate. Which one that is in hstates[] differs: on x86-64 the 1 GB pool is first.
        if [ -n "$function" ]; then
            # shellcheck disable=SC2016
            seen=$(look "r:$GROUP/look $function h=\$retval:$hex" '+%d($retval)' 0 "$pool/nr_hugepages")
            found=${seen%% *}
            offset=$(match "${seen#* }" "$mask" "$words")
            [ -z "$offset" ] || break
        fi
        # In words, and overlapping, so that no pool is cut in two.
        for start in 0 80 160 240 320 400; do
            [ -n "$symbol" ] && [ -n "$(resolve hugetlb_report_meminfo)" ] || break
            start=$((start * word))
            found=$symbol
            seen=$(look "p:$GROUP/look hugetlb_report_meminfo" '@hstates+%d' $start "$PROC/meminfo")
            offset=$(match "$seen" "$mask" "$words")
            [ -z "$offset" ] || { offset=$((offset + start)) && break 2; }
        done
    done
    if [ -z "$offset" ]; then
        note "# left out: counters: not found in the kernel's memory ($attempt attempts)"
        return
    fi
    note "# counters: of ${pool##*/}, at $(at_address "$found" "$offset")"
    for name in nr free resv surp; do
        counters="$counters${counters:+ }$name=$(at_address "$found" "$offset"):$dec"
        offset=$((offset + word))
    done
}

# -- recording ---------------------------------------------------------------------------------------------

note() {
    notes="$notes$1
"
}

pools() { # sysfs in the lines of a log
    for folder in "$SYSFS"/kernel/mm/hugepages/hugepages-*kB; do
        [ -d "$folder" ] || continue
        printf '# pool %s: nr=%s free=%s resv=%s surp=%s overcommit=%s\n' "${folder##*/}" \
            "$(number "$folder/nr_hugepages")" "$(number "$folder/free_hugepages")" \
            "$(number "$folder/resv_hugepages")" "$(number "$folder/surplus_hugepages")" \
            "$(number "$folder/nr_overcommit_hugepages")"
    done
    for folder in "$SYSFS"/devices/system/node/node*/hugepages/hugepages-*kB; do
        [ -d "$folder" ] || continue
        printf '# node %s: nr=%s free=%s surp=%s\n' "${folder#"$SYSFS"/devices/system/node/}" \
            "$(number "$folder/nr_hugepages")" "$(number "$folder/free_hugepages")" \
            "$(number "$folder/surplus_hugepages")"
    done
}

set_probes() {
    count=0
    # A here-document, no pipe: a pipe's loop is another shell, and forgets its notes.
    while read -r event kind name modes; do
        case " $modes " in *" $mode "*) ;; *) continue ;; esac
        function=$(resolve "$name")
        if [ -z "$function" ]; then
            note "# absent: $event ($name)"
            continue
        fi
        read=$(arguments "$event" "$function")
        what=$event
        case $function in hugetlb_wp*) what=wp ;; esac
        case $event in region_* | get_inode | unmap) pool_now= ;; *) pool_now=$counters ;; esac
        if add "$tracefs/kprobe_events" "$kind:$GROUP/$what $function${read:+ $read}${pool_now:+ $pool_now}"; then
            case $function in
            *.isra.* | *.constprop.*) [ "$kind" = r ] || note "# left out: arguments of $what: $function may have others" ;;
            esac
        elif add "$tracefs/kprobe_events" "$kind:$GROUP/$what $function${pool_now:+ $pool_now}"; then
            note "# left out: arguments of $what: the kernel refused ${read:-them}"
        elif add "$tracefs/kprobe_events" "$kind:$GROUP/$what $function"; then
            note "# left out: arguments and counters of $what: the kernel refused them"
        else
            note "# absent: $what ($function): the kernel refused the probe"
            continue
        fi
        count=$((count + 1))
    done <<END
$(printf '%s\n' "$PROBES" | grep .)
END
    [ "$count" -gt 0 ] || refuse "no probe could be set" "see kprobes/blacklist in debugfs, or -m graph"
}

set_filter() {
    put "$at/set_ftrace_filter" ''
    count=0
    for function in $functions; do
        case $function in hugetlb_report_meminfo* | kobj_to_hstate*) continue ;; esac
        ! add "$at/set_ftrace_filter" "$function" 2>/dev/null || count=$((count + 1))
    done
    [ "$count" -gt 0 ] || refuse "ftrace knows none of the huge page functions" "use -m kprobe"
}

prepare() {
    put "$at/tracing_on" 0
    put "$at/current_tracer" nop
    [ -z "$size" ] || put "$at/buffer_size_kb" "$size" || refuse "no trace buffer of $size kB" "a smaller -b"
    case $mode in full | kprobe) find_vm_flags && find_counters && set_probes ;; esac
    case $mode in full | graph | function) set_filter ;; esac
    case $mode in
    full | graph)
        put "$at/current_tracer" function_graph || refuse "function_graph does not start" "use -m kprobe"
        for word in funcgraph-abstime funcgraph-proc funcgraph-tail funcgraph-cpu funcgraph-duration \
            funcgraph-overhead nofuncgraph-irqs; do
            option "$word"
        done
        ;;
    function) put "$at/current_tracer" function || refuse "the function tracer does not start" "use -m kprobe" ;;
    esac
    # Children are followed where the kernel can (4.7 and 4.12).
    [ ! -e "$at/set_event_pid" ] || option event-fork
    case $mode in full | graph | function) option function-fork ;; esac
    case $mode in
    full | kprobe) put "$at/events/$GROUP/enable" 1 || refuse "the probes cannot be switched on" "use -m graph" ;;
    tracepoint) put "$at/events/hugetlbfs/enable" 1 || refuse "the tracepoints cannot be switched on" "use -m kprobe" ;;
    esac
    put "$at/trace" ''
}

# The child puts its own number into the filters and becomes the command: nothing that it does is missed, and nobody
# else is seen. In a single process, as the number stays the same. Without job control a child has no Ctrl-C of its
# own and /dev/null as its input: the first is passed on as SIGTERM, the second undone here.
run() {
    HUGETRACE_MARKER=$at/trace_marker
    export HUGETRACE_MARKER
    exec 3<&0
    # shellcheck disable=SC2016
    sh -c '
        at=$1 group=$2
        shift 2
        if [ -e "$at/set_event_pid" ]; then
            echo $$ >"$at/set_event_pid"
        elif [ -e "$at/events/$group/filter" ]; then
            echo "common_pid == $$" >"$at/events/$group/filter"
        fi
        [ ! -e "$at/set_ftrace_pid" ] || echo $$ >"$at/set_ftrace_pid"
        echo 1 >"$at/tracing_on"
        exec "$@"' "$GROUP" "$at" "$events" "$@" <&3 3<&- &
    child=$!
    exec 3<&-
    # A trap ends a wait early.
    while :; do
        wait "$child"
        rc=$?
        [ "$stopped" = 1 ] || break
        stopped=2
    done
    put "$at/tracing_on" 0
}

stop() { # SIGNAL NUMBER
    signal=$2
    if [ "$child" = 0 ]; then
        exit $((128 + $2))
    elif [ "$stopped" = 0 ]; then
        say "SIG$1: the command is ended, the log is written"
        stopped=1
        kill -TERM "$child" 2>/dev/null
    else
        stopped=1
        kill -KILL "$child" 2>/dev/null
    fi
}

lost() { # events that did not fit into the buffers
    cat "$at"/per_cpu/cpu*/stats 2>/dev/null | awk '$1 == "overrun:" { n += $2 } END { print n + 0 }'
}

# A flag that every huge page mapping has: does it stand where vm_flags was read?
check_vm_flags() {
    flags=$(sed -n 's/.* fault: .* vm_flags=\(0x\)*\([0-9a-f]*\).*/\2/p' "$out" | head -n 1)
    if [ -n "$flags" ] && [ $((0x$flags & 0x400000)) = 0 ]; then
        say "vm_flags in this log are not vm_flags: this kernel keeps them elsewhere"
        echo "# doubtful: vm_flags: 0x$flags of a fault is without VM_HUGETLB" >>"$out"
    fi
}

# -- what was asked ----------------------------------------------------------------------------------------

mode=full out=hugetrace.txt dry=0 begun=0 written=0 child=0 stopped=0 signal=0 rc=0
size='' made='' instance='' changed='' notes=''
while [ $# -gt 0 ]; do
    case $1 in
    -m | -o | -b)
        [ $# -gt 1 ] || refuse "$1 without a value" "see --help"
        case $1 in -m) mode=$2 ;; -o) out=$2 ;; -b) size=$2 ;; esac
        shift 2
        ;;
    --dry-run | -n) dry=1 && shift ;;
    --help | -h) usage && exit 0 ;;
    --) shift && break ;;
    -*) refuse "unknown option $1" "see --help" ;;
    *) break ;;
    esac
done
case $mode in
full | kprobe | graph | function | tracepoint) ;;
*) refuse "unknown mode $mode" "-m full, kprobe, graph, function or tracepoint" ;;
esac
case $size in *[!0-9]*) refuse "-b $size is no number" "kilobytes for each processor, such as -b 8192" ;; esac
[ $# -gt 0 ] || refuse "no command" "hugetrace.sh [-m MODE] [-o FILE] COMMAND [ARG...]"
command -v "$1" >/dev/null 2>&1 || refuse "no command $1" "its path, or one that is in \$PATH"
case $out in /*) ;; *) out=${PWD%/}/$out ;; esac
[ "$dry" = 1 ] || [ "$(id -u)" = 0 ] || refuse "not root" "sudo sh $0 ..."

tracefs=
# The last one: before 4.1, and under debugfs since.
for folder in "${HUGETRACE_TRACEFS:-$SYSFS/kernel/tracing}" "$SYSFS/kernel/debug/tracing"; do
    [ ! -e "$folder/tracing_on" ] || { tracefs=$folder && break; }
done
[ -n "$tracefs" ] || refuse "no tracefs" "as root: mount -t tracefs nodev /sys/kernel/tracing (in a container: on its host)"
{ [ -r "$tracefs/current_tracer" ] && { [ "$dry" = 1 ] || [ -w "$tracefs/tracing_on" ]; }; } ||
    refuse "$tracefs cannot be used" "a locked down kernel, or a container: record on the host"

case $mode in
full | kprobe)
    [ -e "$tracefs/kprobe_events" ] || refuse "no kprobes (CONFIG_KPROBE_EVENTS)" "-m graph, or another kernel"
    ;;
esac
tracer=nop events=
case $mode in
full) tracer=function_graph events=$GROUP ;;
kprobe) events=$GROUP ;;
graph) tracer=function_graph ;;
function) tracer=function ;;
tracepoint)
    events=hugetlbfs
    [ -d "$tracefs/events/hugetlbfs" ] || refuse "this kernel has no hugetlbfs tracepoints" "-m full, or a newer kernel"
    ;;
esac
grep -qw "$tracer" "$tracefs/available_tracers" ||
    refuse "this kernel has no tracer $tracer (CONFIG_FUNCTION_GRAPH_TRACER)" "-m kprobe, or another kernel"
[ -z "$(own_probes)" ] && [ ! -e "$tracefs/instances/$GROUP" ] ||
    refuse "a former run left its probes or its instance, or still runs" \
        "cd $tracefs; rmdir instances/$GROUP; echo 0 > events/$GROUP/enable; for p in \$(grep -o '$GROUP/[^ ]*' kprobe_events); do echo -:\$p >> kprobe_events; done"
[ "$dry" = 1 ] || {
    [ ! -e "$out" ] && [ ! -L "$out" ] || refuse "$out exists" "another -o, or remove it"
    [ -d "${out%/*}/" ] && [ -w "${out%/*}/" ] || refuse "no file can be made in ${out%/*}/" "another -o"
}

release=$(cat "$PROC/sys/kernel/osrelease" 2>/dev/null || uname -r)
machine=$(uname -m)
major=${release%%.*}
minor=${release#*.}
minor=${minor%%[!0-9]*}
kilobytes=$(awk '$1 == "Hugepagesize:" { print $2 }' "$PROC/meminfo" 2>/dev/null)
kilobytes=${kilobytes:-2048}
pool=$SYSFS/kernel/mm/hugepages/hugepages-${kilobytes}kB
vmemmap=$(awk '$3 == "vmemmap_base" { print $3; exit }' "$PROC/kallsyms" 2>/dev/null)
functions=$(list_functions)
[ -n "$functions" ] || [ "$mode" = tracepoint ] || refuse "no huge page function in this kernel" "one with CONFIG_HUGETLBFS"

# -- an instance of its own, or the top one ----------------------------------------------------------------

trap leave EXIT
trap 'stop INT 2' INT
trap 'stop TERM 15' TERM
trap 'stop HUP 1' HUP

at=$tracefs
if [ -d "$tracefs/instances" ]; then
    if [ "$dry" = 1 ]; then
        # Which tracers an instance has shows only in one. function_graph came to them in 6.11.
        [ "$tracer" = function_graph ] && ! at_least 6 11 || instance=$tracefs/instances/$GROUP
    elif mkdir "$tracefs/instances/$GROUP" 2>/dev/null; then
        instance=$tracefs/instances/$GROUP
        if ! grep -qw "$tracer" "$instance/available_tracers" 2>/dev/null; then
            rmdir "$instance"
            instance=
        fi
    fi
fi
if [ -n "$instance" ]; then
    at=$instance
    where="the instance $instance"
else
    where="the top instance, whose buffer is emptied"
    found=$(cat "$tracefs/current_tracer")
    [ "$found" = nop ] || refuse "the tracer $found is in use" "end that, or: echo nop > $tracefs/current_tracer"
    [ -z "$(head -n 1 "$tracefs/set_event" 2>/dev/null)" ] ||
        refuse "somebody records events" "end that, or: echo > $tracefs/set_event"
    keep
fi
say "mode $mode, Linux $release, $where"
say "writes to $tracefs and to $out only; takes back what it wrote to the first"
if [ "$dry" = 1 ]; then
    [ -z "$instance" ] || echo "mkdir $instance"
else
    # Another one may have made the file by now.
    (set -C && : >"$out") 2>/dev/null || refuse "$out cannot be made" "another -o"
    made=$out
fi
begun=1
find_registers
find_types
[ -n "$registers" ] || note "# left out: arguments: not known in which registers $machine has them"
before=$(pools)
prepare
if [ "$dry" = 1 ]; then
    printf '# then %s runs, its number in the files *_pid, and all is taken back:\n' "$1"
    if [ -n "$instance" ]; then
        changed='' instance=''
        echo "echo 0 > $at/tracing_on; rmdir $at"
        begun=0
        own_probes() { :; }
    fi
    take_back
    printf '%s' "$notes"
    exit 0
fi
printf '%s\n' "# hugetrace 1 mode=$mode" "# kernel: $(uname -srvm)" "# cmdline: $(cat "$PROC/cmdline" 2>/dev/null)" \
    "# command: $*" "$before" >"$out"
printf '%s' "$notes" >>"$out"

run "$@"

{
    cat "$at/trace"
    n=$(lost)
    [ "$n" = 0 ] || echo "# lost: $n events did not fit into the buffer: -b"
} >>"$out"
written=1
[ "${n:-0}" = 0 ] || say "$n events did not fit into the buffer: again with -b 16384"
case $mode in full | kprobe) check_vm_flags ;; esac
take_back
left=$(own_probes | grep -c .)
printf '# kprobe_events left: %s\n# rc %s\n' "$left" "$rc" >>"$out"
[ "$left" = 0 ] || say "$left probes could not be removed: see $tracefs/kprobe_events"
say "$(grep -c -v '^#' "$out") lines in $out; read them with: hugelab trace $out"
[ "$signal" = 0 ] || exit $((128 + signal))
exit "$rc"
